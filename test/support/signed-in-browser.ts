import { aSession } from './builders.ts'
import type { TestGateway } from './gateway.ts'
import { createHttpBrowser, type HttpBrowser } from './http-browser.ts'

/**
 * A browser with these accounts side by side, the last of them active: for tests of what comes after signing in, in
 * which no PDS has a part. Their DIDs are `didOf(handle)`, and no authorization server knows their grants.
 */
export async function signedInBrowser(
  { url, stores }: TestGateway,
  handles: readonly [string, ...string[]],
): Promise<HttpBrowser> {
  const browser = createHttpBrowser(url)
  const parts = { db: stores.database.prisma, now: stores.clock() }
  let groupId: string | null = null
  for (const [index, handle] of handles.entries()) {
    const isActive = index === handles.length - 1
    const { session, token } = await aSession(parts, { handle, isActive, ...(groupId === null ? {} : { groupId }) })
    groupId = session.groupId
    if (isActive) await browser.jar.setCookie(`atgate=${token}`, url)
  }
  return browser
}
