import { getIntrospectionQuery } from 'graphql'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { aSession } from '../support/builders.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { postGraphql, WAYS } from '../support/post-graphql.ts'
import { describeGateway } from '../support/suite.ts'

const START = 'mutation ($input: StartAddAccountInput!) { startAddAccount(input: $input) { authUrl } }'

// The attack: to learn what a gateway in production can be asked, from itself.
describeGateway.each(WAYS)('the description of the schema, by %s', (_way, accept) => {
  let atgate: TestGateway
  let token: string

  async function start(env: Record<string, string>) {
    atgate = await startGateway(env)
    token = (await aSession({ db: atgate.stores.database.prisma }, { kind: 'SDK' })).token
  }

  const messagesOf = async (query: string, variables?: unknown) => {
    const { errors } = await postGraphql(atgate.url, { query, variables }, { token, accept })
    return errors.map(({ message }) => message).join('\n')
  }
  const getPage = () => fetch(`${atgate.url}/graphql`, { headers: { accept: 'text/html' } })

  describe.each([
    ['https', { PUBLIC_URL: 'https://auth.example.com' }],
    ['GRAPHIQL=off', { GRAPHIQL: 'off' }],
  ])('is hidden with %s', (_what, env) => {
    beforeAll(() => start(env))
    afterAll(() => atgate.close())

    it.each([
      ['whole', getIntrospectionQuery()],
      ['one type', '{ __type(name: "Query") { name } }'],
      ['in a fragment', '{ ...F } fragment F on Query { __schema { queryType { name } } }'],
    ])('from introspection: %s', async (_which, query) => {
      const { status, data, errors } = await postGraphql(atgate.url, { query }, { accept })
      expect(status).toBe(400)
      expect(data).toBeNull()
      expect(errors.map(({ extensions, message }) => [extensions.code, message])).toEqual([
        ['BAD_USER_INPUT', expect.stringContaining('Introspection is off')],
      ])
    })

    it('from mistakes, which suggest nothing', async () => {
      expect(await messagesOf('{ currentUsr { did } }')).toBe('Cannot query field "currentUsr" on type "Query".')
      expect(await messagesOf(START, { input: { hndle: 'bob.test' } })).not.toMatch(/did you mean/i)
      expect(await messagesOf('{ __typename @skp(if: true) }')).not.toMatch(/did you mean/i)
    })

    it('from GraphiQL, which is not there', async () => {
      const response = await getPage()
      expect(response.status).toBe(404)
      expect(await response.text()).not.toContain('GraphiQL')
      expect(response.headers.get('content-security-policy')).not.toContain('unsafe-inline')
    })

    it('and __typename still works', async () => {
      const { status, data } = await postGraphql(atgate.url, { query: '{ __typename }' })
      expect(status).toBe(200)
      expect(data).toEqual({ __typename: 'Query' })
    })
  })

  describe.each([
    ['on loopback', {}],
    ['with GRAPHIQL=on', { PUBLIC_URL: 'https://auth.example.com', GRAPHIQL: 'on' }],
  ])('is there %s', (_what, env) => {
    beforeAll(() => start(env))
    afterAll(() => atgate.close())

    it('by introspection, by suggestions and by GraphiQL', async () => {
      const { data } = await postGraphql(atgate.url, { query: '{ __schema { queryType { name } } }' })
      expect(data).toEqual({ __schema: { queryType: { name: 'Query' } } })
      expect(await messagesOf('{ currentUsr { did } }')).toContain('Did you mean "currentUser"?')
      expect(await messagesOf(START, { input: { hndle: 'bob.test' } })).toContain('Did you mean "handle"?')
      expect(await (await getPage()).text()).toContain('GraphiQL')
    })
  })
})
