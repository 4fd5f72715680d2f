/** The flows that can return to this page. */
export type FlowKind = 'login' | 'create_account' | 'add_account' | 'scope_upgrade' | 'developer_token'

/** What a flow returned with: a token to exchange, or the reason for a refusal. Null when no flow returned. */
export type Outcome =
  | { kind: FlowKind; exchangeToken: string }
  /** `account`: the DID of the account that signed in, if it was another than the one that was meant. */
  | { kind: FlowKind; error: string; account: string | null }
  | null

const PARAMETERS = [
  'exchange_token',
  'account_added',
  'scope_upgraded',
  'dev_token',
  'auth_error',
  'auth_error_flow',
  'auth_error_account',
]

/**
 * Reads the outcome from the URL, and removes it from the address bar and the history before anything else on this page
 * can read it.
 */
export function takeOutcome(): Outcome {
  const url = new URL(location.href)
  const outcome = outcomeOf(url.searchParams)
  for (const parameter of PARAMETERS) url.searchParams.delete(parameter)
  if (outcome !== null) history.replaceState(null, '', url)
  return outcome
}

function outcomeOf(params: URLSearchParams): Outcome {
  const error = params.get('auth_error')
  if (error !== null) {
    return { kind: flowKindOf(params.get('auth_error_flow')), error, account: params.get('auth_error_account') }
  }
  const exchangeToken = params.get('exchange_token')
  return exchangeToken === null ? null : { kind: succeededKind(params), exchangeToken }
}

function succeededKind(params: URLSearchParams): FlowKind {
  if (params.get('account_added') === 'true') return 'add_account'
  if (params.get('scope_upgraded') === 'true') return 'scope_upgrade'
  return params.get('dev_token') === 'true' ? 'developer_token' : 'login'
}

const KINDS: readonly string[] = ['login', 'create_account', 'add_account', 'scope_upgrade', 'developer_token']

function flowKindOf(text: string | null): FlowKind {
  return text !== null && KINDS.includes(text) ? (text as FlowKind) : 'login'
}
