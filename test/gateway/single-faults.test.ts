import { afterAll, beforeAll, expect, inject, it, vi } from 'vitest'
import { bindToCookie, newClientCookie } from '../../src/flows/client-binding.ts'
import { issueExchangeToken } from '../../src/flows/exchange-token.ts'
import { resumeFlow } from '../../src/flows/flow.ts'
import { sweep } from '../../src/jobs/housekeeping.ts'
import {
  CurrentUserDocument,
  ExchangeTokenDocument,
  LogoutAllDocument,
  LogoutDocument,
  SwitchAccountDocument,
} from '../../web/generated/graphql.ts'
import { aSession, type BuiltSession } from '../support/builders.ts'
import { addAccount, codeOf, currentUserOf, switcherOf } from '../support/flows.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { createHttpBrowser, type GraphqlAnswer, type HttpBrowser } from '../support/http-browser.ts'
import { authorize, followCallback, signIn } from '../support/sign-in.ts'
import { createStepFaults, faultyFetch, type Moment, openFaultyStores } from '../support/step-faults.ts'
import { ageGrant } from '../support/stored-grants.ts'
import { describeGateway } from '../support/suite.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const MOMENTS: Moment[] = ['before', 'after']

/** What a client may be told of a fault: each says that it may try again. */
const OUTAGES = ['SERVICE_UNAVAILABLE', 'PDS_UNAVAILABLE', 'temporarily_unavailable', 'upstream_unavailable']

/**
 * Fails each single step of each operation in turn. Afterwards the operation has happened or it has not, nobody has lost
 * what they had, and trying again, or beginning again where a one-time thing was used up, works.
 */
describeGateway('a fault in any single step', () => {
  const faults = createStepFaults()
  let atgate: TestGateway
  let browser: HttpBrowser

  beforeAll(async () => {
    vi.stubGlobal('fetch', faultyFetch(faults, [inject('pdsUrl'), inject('plcUrl')]))
    atgate = await startGateway({}, await openFaultyStores(faults))
  })
  afterAll(async () => {
    await atgate.close()
    vi.unstubAllGlobals()
  })

  /** Runs `attempt` once for each step that it has, with that step failing. */
  async function failEachStep(
    moment: Moment,
    attempt: (fails: <T>(work: () => Promise<T>) => Promise<T>) => Promise<void>,
  ): Promise<number> {
    for (let nth = 1; ; nth++) {
      let failed: string | null = null
      await attempt(async (work) => {
        const done = await faults.during({ nth, moment }, work)
        failed = done.failed
        return done.result
      }).catch((error: unknown) => {
        throw new Error(`step ${nth}, ${failed}`, { cause: error })
      })
      if (failed === null) return nth - 1
    }
  }

  async function signedIn(...handles: [string, ...string[]]): Promise<void> {
    browser = createHttpBrowser(atgate.url)
    const [first, ...others] = handles
    await signIn(browser, first)
    for (const handle of others) await addAccount(browser, handle)
  }

  /** As `signedIn`, without the PDS, for what happens to sessions afterwards. Their grants need no revoking. */
  async function heldBy(...handles: [string, ...string[]]): Promise<void> {
    browser = createHttpBrowser(atgate.url)
    const { prisma: db } = atgate.stores.database
    const grant = { expiresAt: new Date(0) }
    let built: BuiltSession | undefined
    for (const [index, handle] of handles.entries()) {
      const now = atgate.stores.clock() - SECOND * (handles.length - index)
      const groupId = built?.session.groupId ?? null
      built = await aSession({ db, now }, { handle, grant, isActive: true, ...(groupId !== null && { groupId }) })
    }
    await browser.jar.setCookie(`atgate=${built?.token}`, atgate.url)
  }

  /** A token as the callback of a sign-in gives it to this browser. */
  async function awaitingExchange(handle: string): Promise<string> {
    const { prisma: db } = atgate.stores.database
    const clientCookie = newClientCookie()
    await browser.jar.setCookie(`atgate-client=${clientCookie}`, atgate.url)
    const { session } = await aSession({ db, now: atgate.stores.clock() }, { handle, exchangedAt: null })
    const flow = resumeFlow('login', {})
    return issueExchangeToken(atgate.gateway, { sessionId: session.id, flow, binding: bindToCookie(clientCookie) })
  }

  const isOutage = (code: unknown) => OUTAGES.includes(String(code))
  /** Whether the answer has data; otherwise it is an outage that is told as such. */
  function succeeded(answer: GraphqlAnswer<unknown>): boolean {
    if (answer.data !== null) return true
    expect(codeOf(answer)).toSatisfy(isOutage)
    return false
  }
  const outcomeOf = async (callback: string) =>
    Object.fromEntries((await followCallback(browser, callback)).searchParams)

  /** What nobody can reach any more is gone two minutes later. */
  async function expectNothingLeft(): Promise<void> {
    await atgate.stores.advance(3 * MINUTE)
    await sweep(atgate.gateway)
    const { db } = atgate.gateway.stores
    expect(await db.session.count({ where: { exchangedAt: null } })).toBe(0)
  }

  it.each(MOMENTS)('of a start (%s)', async (moment) => {
    browser = createHttpBrowser(atgate.url)
    const start = async () => {
      const response = await browser.send('/auth/start?handle=alice.test', { headers: { accept: 'application/json' } })
      return (await response.json()) as { authUrl?: string; error?: string }
    }
    const steps = await failEachStep(moment, async (fails) => {
      const { authUrl, error } = await fails(start)
      if (authUrl === undefined) expect(error).toSatisfy(isOutage)
      expect((await start()).authUrl).toContain(inject('pdsUrl'))
    })
    expect(steps).toBeGreaterThan(2)
  })

  it.each(MOMENTS)(
    'of a callback (%s)',
    async (moment) => {
      await signedIn('bob.test')
      const steps = await failEachStep(moment, async (fails) => {
        const callback = await authorize(browser, 'alice.test')
        const first = await fails(() => outcomeOf(callback))
        if (!('exchange_token' in first)) expect(first.auth_error).toSatisfy(isOutage)
        const second = await outcomeOf(callback)
        if (!('exchange_token' in second)) {
          // It happened once, or the code was sent: another begins.
          expect(second.auth_error).toBe('expired')
          expect(await outcomeOf(await authorize(browser, 'alice.test'))).toHaveProperty('exchange_token')
        } else {
          expect(first).not.toHaveProperty('exchange_token')
        }
        expect((await currentUserOf(browser))?.handle).toBe('bob.test')
      })
      expect(steps).toBeGreaterThan(8)
      await expectNothingLeft()
    },
    120_000,
  )

  it.each(MOMENTS)(
    'of an exchange (%s)',
    async (moment) => {
      const steps = await failEachStep(moment, async (fails) => {
        await heldBy('bob.test')
        const exchangeToken = await awaitingExchange('alice.test')
        const trade = () => browser.graphql(ExchangeTokenDocument, { input: { exchangeToken } })
        if (!succeeded(await fails(trade))) await tradeAgain(trade)
        expect(await switcherOf(browser)).toEqual(['ALICE.TEST'])
        expect(codeOf(await trade())).toBe('EXCHANGE_TOKEN_INVALID')
        expect(await switcherOf(browser)).toEqual(['ALICE.TEST'])
      })
      expect(steps).toBeGreaterThan(8)
      await expectNothingLeft()
    },
    180_000,
  )

  async function tradeAgain(trade: () => Promise<GraphqlAnswer<unknown>>): Promise<void> {
    const again = await trade()
    if (again.data !== null) return
    expect(codeOf(again)).toBe('EXCHANGE_TOKEN_INVALID')
    // The commit was made. Where the cookie came with the error, alice is signed in; otherwise bob goes on.
    const [handle] = await switcherOf(browser)
    if (handle === 'ALICE.TEST') return
    expect(handle).toBe('BOB.TEST')
    await signIn(browser, 'alice.test')
  }

  it.each(MOMENTS)(
    'of the first use of a token (%s)',
    async (moment) => {
      const steps = await failEachStep(moment, async (fails) => {
        await heldBy('bob.test')
        await browser.graphql(ExchangeTokenDocument, { input: { exchangeToken: await awaitingExchange('alice.test') } })
        succeeded(await fails(() => browser.graphql(CurrentUserDocument)))
        expect(await switcherOf(browser)).toEqual(['ALICE.TEST'])
      })
      expect(steps).toBeGreaterThan(3)
    },
    180_000,
  )

  it.each(MOMENTS)(
    'of a switch, of signing out one account, and of signing out (%s)',
    async (moment) => {
      const { db } = atgate.gateway.stores
      await heldBy('alice.test', 'bob.test')
      const [alice = '', bob = ''] = (await currentUserOf(browser))?.linkedAccounts.map(({ did }) => did) ?? []
      const switchTo = (targetDid: string) => browser.graphql(SwitchAccountDocument, { input: { targetDid } })
      await failEachStep(moment, async (fails) => {
        await switchTo(bob)
        const isDone = succeeded(await fails(() => switchTo(alice)))
        if (isDone) expect(await switcherOf(browser)).toEqual(['ALICE.TEST', 'bob.test'])
        expect(succeeded(await switchTo(alice))).toBe(true)
        expect(await switcherOf(browser)).toEqual(['ALICE.TEST', 'bob.test'])
      })

      for (const document of [LogoutDocument, LogoutAllDocument]) {
        const steps = await failEachStep(moment, async (fails) => {
          await heldBy('alice.test', 'bob.test')
          const isDone = succeeded(await fails(() => browser.graphql(document as typeof LogoutDocument)))
          if (!isDone) {
            const again = await browser.graphql(document as typeof LogoutDocument)
            // The commit was made and its answer lost: nobody is there any more to be signed out.
            if (again.data === null) expect(codeOf(again)).toBe('UNAUTHENTICATED')
          }
          expect(await currentUserOf(browser)).toBeNull()
        })
        expect(steps).toBeGreaterThan(4)
      }
      const toBob = { input: { switchTo: bob } }
      await failEachStep(moment, async (fails) => {
        await heldBy('bob.test', 'alice.test')
        if (!succeeded(await fails(() => browser.graphql(LogoutDocument, toBob)))) {
          const again = await browser.graphql(LogoutDocument, toBob)
          if (again.data === null) expect(codeOf(again)).toBe('ALREADY_ACTIVE')
        }
        expect(await switcherOf(browser)).toEqual(['BOB.TEST'])
      })
      expect(await db.session.count({ where: { did: 'nobody' } })).toBe(0)
    },
    120_000,
  )

  it.each(MOMENTS)(
    'of a refresh (%s)',
    async (moment) => {
      const { gateway } = atgate
      const { db } = gateway.stores
      async function signedInGrant(): Promise<string> {
        await signedIn('alice.test')
        const { session } = (await currentUserOf(browser)) ?? {}
        return (await db.session.findUniqueOrThrow({ where: { id: session?.id ?? '' } })).grantId
      }
      let grantId = await signedInGrant()
      const use = () =>
        gateway.atproto.grants.hold(grantId).then(
          () => 'used',
          (error: { code?: string }) => error.code ?? String(error),
        )
      const steps = await failEachStep(moment, async (fails) => {
        await ageGrant(db, grantId, 2 * 60 * MINUTE)
        expect(await fails(use)).toSatisfy((outcome) => outcome === 'used' || isOutage(outcome))
        // Later than a minute: an attempt that was not answered is not repeated before.
        await ageGrant(db, grantId, 2 * 60 * MINUTE)
        const again = await use()
        const { state, lostReason } = await db.grant.findUniqueOrThrow({ where: { id: grantId } })
        if (state === 'ok') {
          expect(again).toBe('used')
        } else {
          // The one exempt case: the server has answered, and no part of the answer has arrived anywhere.
          expect([moment, lostReason]).toEqual(['after', 'ambiguous'])
          grantId = await signedInGrant()
        }
      })
      expect(steps).toBeGreaterThan(5)
    },
    120_000,
  )
})
