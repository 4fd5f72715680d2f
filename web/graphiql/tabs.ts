type Tab = { query: string; variables?: string }

/** The tabs that GraphiQL opens with: one for each thing to try, in that order. */
export const GRAPHIQL_TABS: Tab[] = [
  {
    query: `# Who am I? This runs with your browser's cookie.
# null means that nobody is signed in, or that the active account was signed out: go to the portal and run it again.
query WhoAmI {
  currentUser {
    did
    handle
    displayName
    pdsUrl
    grantedScopes
    missingScopes
    linkedAccounts {
      handle
      isActive
      needsReauthentication
    }
    session {
      id
      kind
      expiresAt
    }
  }
}
`,
  },
  {
    query: `# Where am I signed in, and which developer tokens are there?
query WhereAmI {
  sessions {
    id
    kind
    userAgent
    lastUsedAt
    isCurrent
  }
  developerTokens {
    prefix
    name
    expiresAt
    lastUsedAt
  }
}
`,
  },
  {
    query: `# Start to link another account. Open authUrl in this browser: the account signs in at its own server, and you
# return to returnTo with ?exchange_token=… (or with ?auth_error=…).
mutation AddAccount($input: StartAddAccountInput!) {
  startAddAccount(input: $input) {
    authUrl
    expiresAt
  }
}
`,
    variables: json({ input: { handle: 'bob.test', returnTo: '/' } }),
  },
  {
    query: `# Make another of your linkedAccounts the active one. To act as one account whichever is active, send its DID in the
# header Atgate-Account instead (in the tab "Headers" below).
mutation SwitchAccount($input: SwitchAccountInput!) {
  switchAccount(input: $input) {
    account {
      handle
    }
  }
}
`,
    variables: json({ input: { targetDid: 'did:plc:…' } }),
  },
  {
    query: `# Start to create a developer token. Open authUrl. When you come back, exchangeToken returns the token, once.
# A script calls this API with it, and the account's PDS under /xrpc:
#   curl -H "Authorization: Bearer $ATGATE_TOKEN" $GATEWAY/xrpc/com.atproto.server.getSession
mutation CreateDeveloperToken($input: StartDeveloperTokenInput!) {
  startDeveloperToken(input: $input) {
    authUrl
    expiresAt
  }
}
`,
    variables: json({ input: { name: 'my script', expiresInDays: 30, returnTo: '/tokens' } }),
  },
  {
    query: `# Runs until you stop it, until you are signed out, or for an hour.
subscription Changes {
  sessionChanged {
    kind
  }
}
`,
  },
]

function json(variables: object): string {
  return JSON.stringify(variables, null, 2)
}
