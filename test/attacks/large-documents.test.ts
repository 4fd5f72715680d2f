import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { aSession } from '../support/builders.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { type GraphqlRequest, postGraphql, WAYS } from '../support/post-graphql.ts'
import { describeGateway } from '../support/suite.ts'

const times = (count: number, text: (index: number) => string) =>
  Array.from({ length: count }, (_, i) => text(i)).join(' ')

/** Fragments each of which spreads the next one twice: 2^20 fields when they are expanded. */
const EXPONENTIAL = times(20, (i) => `fragment F${i} on Query { ...F${i + 1} ...F${i + 1} }`)

const START = (name: string) => `${name}: startAddAccount(input: { handle: "bob.test" }) { authUrl }`

// The attack: one request, from anybody, that costs the gateway seconds of time or hundreds of megabytes.
describeGateway.each(WAYS)('a GraphQL request that is too large, by %s', (_way, accept) => {
  let atgate: TestGateway
  let token: string

  beforeAll(async () => {
    atgate = await startGateway()
    token = (await aSession({ db: atgate.stores.database.prisma }, { kind: 'SDK' })).token
  })
  afterAll(() => atgate.close())

  async function refusalOf(request: GraphqlRequest): Promise<string> {
    const { status, data, errors } = await postGraphql(atgate.url, request, { token, accept })
    expect(data).toBeNull()
    expect(errors).toHaveLength(1)
    expect(errors[0]?.extensions.code).toBe('BAD_USER_INPUT')
    expect(status).toBe(400)
    return errors[0]?.message ?? ''
  }

  it.each([
    ['many tokens', `{ ${times(500, () => 'currentUser { did }')} }`, 'at most 1000 tokens'],
    ['many comments', `${'# a comment\n'.repeat(101)}{ __typename }`, 'at most 100 comments'],
    ['many aliases', `{ ${times(16, (i) => `a${i}: __typename`)} }`, 'at most 15 aliases'],
    [
      'many aliases by way of fragments',
      `{ ${times(4, () => '...F')} } fragment F on Query { ${times(4, (i) => `a${i}: __typename`)} }`,
      'at most 15 aliases',
    ],
    ['exponential fragments', `{ ...F0 } ${EXPONENTIAL} fragment F20 on Query { a: __typename }`, 'at most 15 aliases'],
    [
      'exponential fragments without aliases',
      `{ ...F0 } ${EXPONENTIAL} fragment F20 on Query { __typename }`,
      'at most 15000 values',
    ],
    ['deep selections', `${'{ a '.repeat(21)}${'}'.repeat(21)}`, 'at most 20 levels'],
    [
      'selections that are deep by way of fragments',
      `{ ...F0 } ${times(21, (i) => `fragment F${i} on Query { a { ...F${i + 1} } }`)} fragment F21 on Query { a }`,
      'at most 20 levels',
    ],
    ['many directives', `{ __typename ${times(21, () => '@skip(if: false)')} }`, 'at most 20 directives'],
    ['a long name', `{ ${'a'.repeat(129)} }`, 'at most 128 characters'],
    [
      'the list of sessions again and again',
      `{ ${times(10, (i) => `a${i}: sessions { id kind createdAt lastUsedAt expiresAt userAgent isCurrent }`)} }`,
      'at most 15000 values',
    ],
    ['two flows', `mutation { ${START('a')} ${START('b')} }`, 'starts one flow'],
    [
      'two flows by way of a fragment',
      `mutation { ...A ...B } fragment A on Mutation { ${START('a')} } fragment B on Mutation { ${START('b')} }`,
      'starts one flow',
    ],
    [
      'introspection twice',
      '{ __schema { queryType { name } } a: __schema { queryType { name } } }',
      '__schema at most',
    ],
    ['a type twice', '{ __type(name: "Query") { name } a: __type(name: "Query") { name } }', '__type at most'],
    [
      'introspection that multiplies itself',
      '{ __schema { types { a: fields { name } b: fields { name } } } }',
      'none inside __schema',
    ],
    [
      'a long string',
      `mutation { startAddAccount(input: { handle: "bob.test", returnTo: "/${'a'.repeat(2048)}" }) { authUrl } }`,
      'input.returnTo is too long. A string has at most 2048 bytes.',
    ],
    [
      'a long default',
      `mutation ($a: String = "${'ä'.repeat(1025)}") { startAddAccount(input: { handle: $a }) { authUrl } }`,
      '$a is too long',
    ],
    [
      'deep values',
      `mutation { startScopeUpgrade(input: { scopes: ${'['.repeat(6)}${']'.repeat(6)} }) { authUrl } }`,
      'nested too deep',
    ],
  ])('with %s is refused, and told why', async (_what, query, reason) => {
    expect(await refusalOf({ query })).toContain(reason)
  })

  const START_WITH_INPUT = 'mutation ($input: StartAddAccountInput!) { startAddAccount(input: $input) { authUrl } }'

  it.each([
    [
      'a long string',
      { input: { handle: 'bob.test', returnTo: `/${'a'.repeat(2048)}` } },
      '$input.returnTo is too long. A string has at most 2048 bytes.',
    ],
    ['deep values', { input: { handle: [[[[['bob.test']]]]] } }, '$input is nested too'],
    ['many values', { input: { handle: Array(201).fill(1) } }, 'at most 200 values'],
    ['a long name', { input: { [`handle${'a'.repeat(128)}`]: 'bob.test' } }, 'at most 128 characters'],
  ])('with %s in its variables is refused, and told why', async (_what, variables, reason) => {
    expect(await refusalOf({ query: START_WITH_INPUT, variables })).toContain(reason)
  })

  it('and variables nested as deep as a body can be overflow no stack', async () => {
    const deep = `${'['.repeat(15_000)}${']'.repeat(15_000)}`
    const response = await fetch(`${atgate.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: `{ "query": ${JSON.stringify(START_WITH_INPUT)}, "variables": { "input": { "handle": ${deep} } } }`,
    })
    expect(response.status).toBe(400)
    expect(await response.text()).toContain('$input is nested too deep')
  })

  it.each([
    ['in selections', '{a'.repeat(10_000)],
    ['in arguments', `{ a(b: ${'['.repeat(20_000)}`],
    ['in types', `query ($a: ${'['.repeat(20_000)}`],
  ])('and deeply nested %s overflows no stack', async (_what, query) => {
    expect(await refusalOf({ query })).toContain('at most 1000 tokens')
  })

  it('is refused in a stream too', async () => {
    const response = await fetch(`${atgate.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream', authorization: `Bearer ${token}` },
      body: JSON.stringify({ query: `subscription { ${times(16, (i) => `a${i}: sessionChanged { kind }`)} }` }),
    })
    expect(response.status).toBe(400)
    expect(await response.text()).toContain('at most 15 aliases')
  })

  it('with a body over 32 KB is refused before it is read', async () => {
    const response = await fetch(`${atgate.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: `{ __typename } #${'a'.repeat(32 * 1024)}` }),
    })
    expect(response.status).toBe(413)
    expect(await response.json()).toEqual({
      error: 'BAD_USER_INPUT',
      message: 'The request body is too large. Here it has at most 32768 bytes.',
    })
  })

  it('in a batch is refused', async () => {
    const response = await fetch(`${atgate.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify([{ query: '{ __typename }' }, { query: '{ __typename }' }]),
    })
    expect(response.status).toBe(400)
  })

  describe('and gets a bounded answer', () => {
    const FIELDS = 'id kind createdAt lastUsedAt expiresAt userAgent isCurrent needsReauthentication'

    it('when it lists more sessions than a list contains', async () => {
      const stores = { db: atgate.stores.database.prisma }
      const { session, token: another } = await aSession(stores, { handle: 'carol.test', kind: 'SDK' })
      for (let i = 0; i < 210; i++)
        await aSession(stores, { handle: 'carol.test', kind: 'SDK', userAgent: 'a'.repeat(300) })
      expect(session.did).toBe('did:web:carol.test')
      const query = `{ ${times(5, (i) => `a${i}: sessions { ${FIELDS} }`)} }`
      const { status, bytes, data } = await postGraphql(atgate.url, { query }, { token: another })
      expect(status).toBe(200)
      expect(data?.a0).toHaveLength(200)
      expect(bytes).toBeLessThan(1024 * 1024)
    })

    it('when it asks for all of the schema again at every level that is allowed', async () => {
      const type = 'kind name description enumValues { name description }'
      const value = 'name description defaultValue type'
      const query = `{ __schema { types { ...A } queryType { ...A } mutationType { ...A } } __type(name: "Mutation") { ...A } }
        fragment A on __Type { ${type} fields { name description args { ${value} { ...B } } type { ...B } } inputFields { ${value} { ...B } } }
        fragment B on __Type { ...C ofType { ...C ofType { ...C ofType { ...C } } } }
        fragment C on __Type { ${type} fields { name description args { ${value} { ...D } } type { ...D } } inputFields { ${value} { ...D } } }
        fragment D on __Type { ${type} ofType { ${type} ofType { ${type} ofType { ${type} } } } }`
      const { status, bytes } = await postGraphql(atgate.url, { query }, { accept })
      expect(status).toBe(200)
      expect(bytes).toBeLessThan(512 * 1024)
    })

    it('when it makes as many mistakes as it can', async () => {
      const long = 'a'.repeat(128)
      const query = `query ${long} { ${times(200, (i) => `${long.slice(3)}${i} `)} }`
      const { status, bytes } = await postGraphql(
        atgate.url,
        { query },
        { accept: 'application/graphql-response+json' },
      )
      expect(status).toBe(400)
      expect(bytes).toBeLessThan(8 * 1024)
      const variables = {
        input: Object.fromEntries(Array.from({ length: 14 }, (_, i) => [`${i}${long.slice(3)}`, 'a'.repeat(2000)])),
      }
      const refused = await postGraphql(atgate.url, { query: START_WITH_INPUT, variables }, { accept })
      expect(refused.errors.length).toBeGreaterThan(0)
      expect(refused.bytes).toBeLessThan(64 * 1024)
    })
  })
})
