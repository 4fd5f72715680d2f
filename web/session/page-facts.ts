/** What the gateway has written into this page. It is decided there, so nothing of the URL is believed here. */
function metaContent(name: string): string {
  return document.querySelector<HTMLMetaElement>(`meta[name="${name}"]`)?.content ?? ''
}

/** The path of the portal, with a slash at its end. */
export const PORTAL_PATH = metaContent('portal-path') || '/'

/** Where a sign-in goes on to: the page of a service that led here. Null for the portal itself. */
export const NEXT_URL = metaContent('next') || null

/** Returns the host of a URL, for people. */
export function hostOf(url: string): string {
  return new URL(url).host
}
