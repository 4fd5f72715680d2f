import type { Gateway } from '../gateway.ts'
import { clientOfCookie } from '../sessions/authenticate.ts'
import type { FlowDefinition } from './flow-definition.ts'
import { resolveReturnTo } from './return-to.ts'
import type { StartRequest } from './start.ts'
import { countStart } from './start-limit.ts'

/** What a person is asked before a sign-in that another page began. */
export type StartQuestion = {
  /**
   * The handle of the account, or its DID where it has no valid handle; null where the account is chosen at the server.
   */
  account: string | null
  /** The host, in ASCII, of the server that the person is sent to. */
  host: string
  /** The handles of the accounts that this browser is signed in as now, and that the sign-in replaces. */
  replaces: readonly string[]
}

/**
 * Checks a start as `startFlow` does, but pushes and stores nothing.
 * @throws GatewayError as `startFlow`
 */
export async function questionBeforeStart<Request>(
  gateway: Gateway,
  definition: FlowDefinition<Request>,
  { returnTo, binding, request, source, sessionCookie }: StartRequest<Request> & { sessionCookie: string | null },
): Promise<StartQuestion> {
  await countStart(gateway.runtime, source)
  resolveReturnTo({ returnTo, config: gateway.config, binding })
  const { input, account } = await definition.start(gateway, request)
  const replaces = await replacedAccounts(gateway, { sessionCookie, account })
  if (account === null) return { account, host: new URL(input).host, replaces }
  const { did, handle, pdsUrl } = await gateway.atproto.identities.lookUp(account)
  return { account: handle === 'handle.invalid' ? did : handle, host: new URL(pdsUrl).host, replaces }
}

/** An account that is signed in here already takes its own place; any other takes that of all. */
async function replacedAccounts(
  gateway: Gateway,
  { sessionCookie, account }: { sessionCookie: string | null; account: string | null },
): Promise<string[]> {
  const { accounts } = (await clientOfCookie(gateway, sessionCookie)) ?? { accounts: [] }
  const replaced = accounts.some(({ did }) => did === account) ? [] : accounts
  return replaced.map((session) => session.account.handle)
}
