import { afterAll, beforeAll, expect, it } from 'vitest'
import { aSession } from '../support/builders.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { WAYS } from '../support/post-graphql.ts'
import { describeGateway } from '../support/suite.ts'

const NAMES = ['content-type', 'retry-after', 'cache-control', 'set-cookie', 'vary']

describeGateway('an operation that is sent as JSON', () => {
  let atgate: TestGateway
  let token: string

  beforeAll(async () => {
    atgate = await startGateway()
    token = (await aSession({ db: atgate.stores.database.prisma }, { kind: 'SDK' })).token
  })
  afterAll(() => atgate.close())

  async function answers(body: string, headers: Record<string, string> = {}) {
    return Promise.all(
      WAYS.map(async ([, accept]) => {
        const response = await fetch(`${atgate.url}/graphql`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', authorization: `Bearer ${token}`, accept, ...headers },
          body,
        })
        const text = (await response.text()).replaceAll(/"requestId":"[^"]+"/g, '"requestId":"…"')
        return { status: response.status, headers: NAMES.map((name) => response.headers.get(name)), text }
      }),
    )
  }

  it.each([
    ['a query', { query: '{ currentUser { did handle session { kind } } }' }],
    ['nulls', { query: '{ __typename }', variables: null, operationName: null, extensions: null }],
    ['a name', { query: 'query A { __typename } query B { currentUser { handle } }', operationName: 'B' }],
    ['no name for two', { query: 'query A { __typename } query B { currentUser { handle } }' }],
    ['an unknown name', { query: 'query A { __typename }', operationName: 'C' }],
    ['a mistake in the syntax', { query: '{' }],
    ['a mistake in the document', { query: '{ nothing }' }],
    [
      'a mistake in the variables',
      {
        query: 'mutation ($input: SwitchAccountInput!) { switchAccount(input: $input) { account { did } } }',
        variables: { input: {} },
      },
    ],
    [
      'a refusal',
      { query: 'mutation { switchAccount(input: { targetDid: "did:web:bob.test" }) { account { did } } }' },
    ],
    ['a refusal beside an answer', { query: '{ currentUser { did } developerTokens { id } sessions { id } }' }],
    ['a subscription', { query: 'subscription { sessionChanged { kind } }' }],
    ['no query', {}],
    ['an extra member', { query: '{ __typename }', id: 1 }],
    ['a list', [{ query: '{ __typename }' }]],
    ['text', 'query'],
    ['nothing', null],
  ])('gets the same answer by both ways: %s', async (_what, body) => {
    const [short, whole] = await answers(JSON.stringify(body))
    expect(short).toEqual(whole)
    expect(short?.status).toBeLessThan(500)
  })

  it('gets the same answer by both ways when it names another account', async () => {
    const [short, whole] = await answers('{"query":"{ currentUser { did } }"}', {
      'atgate-account': 'did:web:bob.test',
    })
    expect(short).toEqual(whole)
    expect(short?.status).toBe(409)
  })

  it('gets the same answer by both ways when something unexpected happens, and logs it', async () => {
    const { query } = { query: '{ sessions { id } }' }
    await atgate.stores.database.prisma.$executeRaw`ALTER TABLE "Session" RENAME TO "Hidden"`
    const [short, whole] = await answers(JSON.stringify({ query })).finally(
      () => atgate.stores.database.prisma.$executeRaw`ALTER TABLE "Hidden" RENAME TO "Session"`,
    )
    expect(short).toEqual(whole)
    expect(short?.text).toContain('INTERNAL_SERVER_ERROR')
    expect(atgate.logLines.filter((line) => line.includes('unexpected error'))).toHaveLength(2)
  })
})
