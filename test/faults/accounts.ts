import { SANDBOX_PASSWORD } from '../../src/sandbox/accounts.ts'
import { callXrpc } from '../../src/sandbox/xrpc.ts'
import { authorizeOnPds } from '../support/pds-pages.ts'

/** An account on the PDS of this run. */
export type Account = { did: string; handle: string }

/** The accounts of the sandbox and some more: the fewer there are, the less a mix-up would be seen. */
export async function findAccounts(pdsUrl: string, more: number): Promise<Account[]> {
  const accounts = await Promise.all(
    ['alice.test', 'bob.test', 'carol.test'].map(async (handle) => {
      const params = { handle }
      const { did } = await callXrpc<Account>(pdsUrl, { nsid: 'com.atproto.identity.resolveHandle', params })
      return { did, handle }
    }),
  )
  for (let index = 1; index <= more; index++) {
    const handle = `person${index}.test`
    const body = { handle, email: `person${index}@example.com`, password: SANDBOX_PASSWORD }
    const { did } = await callXrpc<Account>(pdsUrl, { nsid: 'com.atproto.server.createAccount', body })
    accounts.push({ did, handle })
  }
  return accounts
}

const queues = new Map<string, Promise<unknown>>()

/** Allows the app on the PDS's pages. Each account has one device, on which one thing happens at a time. */
export function allow(authUrl: string, { handle }: Account): Promise<string> {
  const allowed = (queues.get(handle) ?? Promise.resolve()).then(() =>
    authorizeOnPds(authUrl, { username: handle, password: SANDBOX_PASSWORD }),
  )
  queues.set(
    handle,
    allowed.catch(() => undefined),
  )
  return allowed
}
