type Tab = { query: string; variables?: string }

/** What GraphiQL opens with: one tab for each thing that people come to try, in the order in which they would. */
export const GRAPHIQL_TABS: Tab[] = [
  {
    query: `# Who am I? This runs with your browser's cookie.
# null means that nobody is signed in: sign in on the page at / and run it again.
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
    query: `# Begin to link another account. Open authUrl in this browser: the account signs in at its own server, and you come back to
# returnTo with ?exchange_token=… (or with ?auth_error=…).
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
    query: `# Make another of your linkedAccounts the active one. The cookie changes with it, in every tab.
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
    query: `# Begin to make a developer token. Open authUrl; when you come back, exchangeToken answers the token, once.
mutation MakeDeveloperToken($input: StartDeveloperTokenInput!) {
  startDeveloperToken(input: $input) {
    authUrl
    expiresAt
  }
}
`,
    variables: json({ input: { name: 'my script', expiresInDays: 30, returnTo: '/tokens' } }),
  },
  {
    query: `# Runs until you stop it, or until this session is not the active one any more.
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
