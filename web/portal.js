const CURRENT_USER = `query CurrentUser {
  currentUser { did handle pdsUrl grantedScopes session { expiresAt } }
}`
const EXCHANGE_TOKEN = `mutation ExchangeToken($input: ExchangeTokenInput!) {
  exchangeToken(input: $input) { sessionToken }
}`
const LOGOUT = 'mutation Logout { logout { switchedTo { did } } }'

/** What each `auth_error` means, in words. */
const AUTH_ERRORS = {
  access_denied: 'You did not allow the sign-in. Nothing has changed.',
  invalid_scope: 'Your server does not grant what this app asks for.',
  expired: 'This sign-in took too long or was already used. Please try again.',
  client_mismatch: 'This sign-in was begun in another browser. Please begin it here.',
  scope_missing: 'Your server did not grant everything that this app needs.',
  upstream_unavailable: 'Your server could not be reached. Please try again later.',
}

const OUTCOME_PARAMETERS = [
  'exchange_token',
  'account_added',
  'scope_upgraded',
  'dev_token',
  'auth_error',
  'auth_error_flow',
]

const element = (id) => document.getElementById(id)

function show(id) {
  for (const part of ['loading', 'sign-in', 'account']) element(part).hidden = part !== id
}

function notify(message) {
  element('notice').textContent = message
  element('notice').hidden = message === ''
}

async function graphql(query, variables) {
  const response = await fetch('/graphql', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  })
  const { data, errors } = await response.json()
  if (errors) throw new Error(errors[0].message)
  return data
}

/** Takes what a flow brought back out of the address bar before anything else can read it. */
function takeOutcome() {
  const url = new URL(location.href)
  const outcome = { token: url.searchParams.get('exchange_token'), error: url.searchParams.get('auth_error') }
  for (const name of OUTCOME_PARAMETERS) url.searchParams.delete(name)
  history.replaceState(null, '', url)
  return outcome
}

async function showCurrentUser() {
  const { currentUser } = await graphql(CURRENT_USER)
  if (currentUser === null) {
    show('sign-in')
    return
  }
  element('account-handle').textContent = currentUser.handle
  element('account-did').textContent = currentUser.did
  element('account-pds').textContent = currentUser.pdsUrl
  element('account-scopes').textContent = currentUser.grantedScopes.join(', ')
  element('account-expiry').textContent = new Date(currentUser.session.expiresAt).toLocaleString()
  show('account')
}

async function signIn(event) {
  event.preventDefault()
  const button = element('sign-in').querySelector('button')
  button.disabled = true
  notify('')
  try {
    const query = new URLSearchParams({ handle: element('handle').value })
    const response = await fetch(`/auth/start?${query}`, { headers: { accept: 'application/json' } })
    const answer = await response.json()
    if (!response.ok) throw new Error(answer.message)
    location.assign(answer.authUrl)
  } catch (error) {
    notify(error.message)
    element('handle').focus()
    button.disabled = false
  }
}

async function signOut() {
  notify('')
  try {
    await graphql(LOGOUT)
  } catch (error) {
    notify(error.message)
  }
  await showCurrentUser()
}

/** The secret of a developer token goes to whoever made it, on this page and at no other time. */
function showDeveloperToken(secret) {
  element('developer-token').hidden = secret === null
  element('developer-token-secret').textContent = secret ?? ''
}

async function start() {
  const { token, error } = takeOutcome()
  if (error !== null) notify(AUTH_ERRORS[error] ?? 'The sign-in failed. Please try again.')
  try {
    if (token !== null) {
      const { exchangeToken } = await graphql(EXCHANGE_TOKEN, { input: { exchangeToken: token } })
      showDeveloperToken(exchangeToken.sessionToken)
    }
  } catch (problem) {
    notify(problem.message)
  }
  await showCurrentUser()
}

element('sign-in').addEventListener('submit', signIn)
element('sign-out').addEventListener('click', signOut)
// A page that comes back from the browser's cache still shows the state, and the disabled button, of when it was left.
addEventListener('pageshow', ({ persisted }) => persisted && location.reload())
start().catch((error) => {
  notify(error.message)
  show('sign-in')
})
