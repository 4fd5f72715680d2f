import { NEXT_URL, PORTAL_PATH } from '../session/page-facts.ts'

/**
 * Returns the address of a page of the portal, to which a flow returns wherever the frontend is. It remembers where the
 * sign-in goes on to.
 * @param page its name, such as `tokens`; by default the page that is shown
 */
export function returnAddress(page?: string): string {
  const url = new URL(page === undefined ? location.pathname : PORTAL_PATH + page, location.origin)
  if (NEXT_URL !== null) url.searchParams.set('next', NEXT_URL)
  return url.href
}

/** Leaves the portal for the page that led here. Nothing that follows is done, since the promise stays open. */
export function goOn(nextUrl: string): Promise<never> {
  location.replace(nextUrl)
  return new Promise(() => undefined)
}
