import type { TypedDocumentNode } from '@graphql-typed-document-node/core'
import type { DocumentNode } from 'graphql'
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest'
import { newId } from '../../src/platform/random.ts'
import {
  CurrentUserDocument,
  DeveloperTokensDocument,
  LogoutDocument,
  PdsOptionsDocument,
  RevokeDeveloperTokenDocument,
  SwitchAccountDocument,
} from '../../web/generated/graphql.ts'
import { didOf } from '../support/builders.ts'
import { codeOf, dataOf, switcherOf } from '../support/flows.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { createHttpBrowser, type HttpBrowser } from '../support/http-browser.ts'
import { signedInBrowser } from '../support/signed-in-browser.ts'
import { describeGateway } from '../support/suite.ts'

const alice = didOf('alice.test')
const bob = didOf('bob.test')
const carol = didOf('carol.test')

/** The writes of one tab while another switches. Over the stores of a deployment they are a thousand. */
const WRITES = inject('stores') === 'services' ? 1000 : 100

describeGateway('a request that names the account that it acts as', () => {
  let atgate: TestGateway
  let replica: Awaited<ReturnType<TestGateway['startReplica']>>
  let browser: HttpBrowser

  beforeAll(async () => {
    atgate = await startGateway()
    // Before there are grants that were never sealed.
    replica = await atgate.startReplica()
  })
  afterAll(async () => {
    await replica.close()
    await atgate.close()
  })
  beforeEach(async () => {
    browser = await signedInBrowser(atgate, ['bob.test', 'alice.test'])
  })

  const naming = (did: string) => ({ 'atgate-account': did })
  const seenAs = async (did: string) =>
    dataOf(await browser.graphql(CurrentUserDocument, undefined, naming(did))).currentUser

  it('acts as that one, whichever is active, and leaves the active one', async () => {
    expect(await seenAs(bob)).toMatchObject({
      did: bob,
      session: { isCurrent: true },
      linkedAccounts: [
        { did: bob, isActive: false },
        { did: alice, isActive: true },
      ],
    })
    expect(await seenAs(alice)).toMatchObject({ did: alice })
    expect(await switcherOf(browser)).toEqual(['bob.test', 'ALICE.TEST'])
  })

  describe('is refused where that one is not signed in here, and nothing happens:', () => {
    const untyped = (document: DocumentNode) => document as TypedDocumentNode<unknown, object>
    const DOCUMENTS: [string, DocumentNode][] = [
      ['a query', CurrentUserDocument],
      ['a query that needs nobody', PdsOptionsDocument],
      ['a change', LogoutDocument],
    ]
    it.each(DOCUMENTS)('%s', async (_what, document) => {
      const answer = await browser.graphql(untyped(document), {}, naming(carol))
      expect(answer.response.status).toBe(409)
      expect(answer).toMatchObject({ data: null, errors: [{ extensions: { code: 'ACCOUNT_CHANGED' } }] })
      expect(await switcherOf(browser)).toEqual(['bob.test', 'ALICE.TEST'])
    })

    it.each(DOCUMENTS)('%s of nobody', async (_what, document) => {
      const answer = await createHttpBrowser(atgate.url).graphql(untyped(document), {}, naming(alice))
      expect([answer.response.status, codeOf(answer)]).toEqual([409, 'ACCOUNT_CHANGED'])
    })

    it('a stream', async () => {
      const answer = await browser.send('/graphql', {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'text/event-stream', ...naming(carol) },
        body: JSON.stringify({ query: 'subscription { sessionChanged { kind } }' }),
      })
      expect(await answer.text()).toContain('ACCOUNT_CHANGED')
    })
  })

  it('may come from another origin that is allowed, and is told the codes of errors', async () => {
    const preflight = await browser.send('/graphql', {
      method: 'OPTIONS',
      headers: {
        origin: atgate.url,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'atgate-account,content-type',
      },
    })
    expect(Object.fromEntries(preflight.headers)).toMatchObject({
      'access-control-allow-origin': atgate.url,
      'access-control-allow-credentials': 'true',
      'access-control-allow-headers':
        'content-type, authorization, atgate-account, atproto-proxy, atproto-accept-labelers',
      'access-control-max-age': '7200',
    })
    const { response } = await browser.graphql(CurrentUserDocument)
    expect(response.headers.get('access-control-expose-headers')).toBe(
      'x-request-id, retry-after, atgate-error, atproto-repo-rev',
    )
    expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
  })

  it('is told the developer tokens of that account alone', async () => {
    const id = await developerTokens(1).then(([first]) => first)
    const listed = async (did: string) =>
      dataOf(await browser.graphql(DeveloperTokensDocument, undefined, naming(did))).developerTokens.map(
        (token) => token.id,
      )
    expect(await listed(alice)).toContain(id)
    expect(await listed(bob)).not.toContain(id)
  })

  it(`writes as that account ${WRITES} times over two replicas, while another tab switches`, async () => {
    const replicas = [browser, browser.at(replica.url)]
    const ids = await developerTokens(WRITES)
    let isOver = false
    const switching = (async () => {
      let switches = 0
      for (; !isOver; switches++) {
        const [tab, targetDid] = switches % 2 === 0 ? [replicas[0], bob] : [replicas[1], alice]
        dataOf(
          await (tab as HttpBrowser).graphql(SwitchAccountDocument, { input: { targetDid } }, { origin: atgate.url }),
        )
      }
      return switches
    })()
    const queue = [...ids]
    async function write(tab: HttpBrowser): Promise<void> {
      const headers = { origin: atgate.url, ...naming(alice) }
      for (let prefix = queue.pop(); prefix !== undefined; prefix = queue.pop()) {
        dataOf(await tab.graphql(RevokeDeveloperTokenDocument, { input: { prefix } }, headers))
      }
    }
    try {
      await Promise.all([...replicas, ...replicas].map(write))
    } finally {
      isOver = true
    }
    expect(await switching).toBeGreaterThan(10)

    const written = await atgate.gateway.stores.db.auditEvent.findMany({
      where: { kind: 'developer_token_revoked', sessionId: { in: ids } },
    })
    expect(written).toHaveLength(WRITES)
    expect(new Set(written.map(({ did }) => did))).toEqual(new Set([alice]))
  }, 240_000)

  /** Writes developer tokens of alice, and gives their ids. */
  async function developerTokens(count: number): Promise<string[]> {
    const { db } = atgate.gateway.stores
    const now = new Date(atgate.stores.clock())
    const expiresAt = new Date(now.getTime() + 24 * 60 * 60 * 1000)
    const ids = Array.from({ length: count }, newId)
    const grant = {
      did: alice,
      issuer: 'https://pds.test',
      scope: 'atproto',
      sealed: '',
      expiresAt,
      updatedAt: now,
      refreshAfter: expiresAt,
    }
    await db.grant.createMany({ data: ids.map((id) => ({ id, ...grant })) })
    const session = {
      kind: 'DEVELOPER_TOKEN',
      did: alice,
      createdAt: now,
      authenticatedAt: now,
      linkedAt: now,
    } as const
    await db.session.createMany({
      data: ids.map((id) => ({ id, grantId: id, exchangedAt: now, expiresAt, ...session })),
    })
    return ids
  }
})
