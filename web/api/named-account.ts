/**
 * Operations about the holder of the token, not about one account: they work although the account of this tab was
 * signed out, so they do not name it.
 */
const NAMES_NO_ACCOUNT = new Set([
  'PdsOptions',
  'ExchangeToken',
  'LinkedAccounts',
  'SwitchAccount',
  'StartAddAccount',
  'Logout',
  'LogoutAll',
  'SessionChanged',
])

/**
 * Returns the header by which a request acts as `account` (a DID), whichever account is active in other tabs. If that
 * account is not signed in any more, the gateway refuses with ACCOUNT_CHANGED and does nothing.
 */
export function accountHeader(account: string | null, operationName: string | undefined): Record<string, string> {
  const isNamed = account !== null && !(operationName !== undefined && NAMES_NO_ACCOUNT.has(operationName))
  return isNamed ? { 'atgate-account': account } : {}
}
