import { array, assert, asyncProperty, constantFrom, nat, record } from 'fast-check'
import { beforeAll, expect, inject, it } from 'vitest'
import { bindToCookie } from '../../src/flows/client-binding.ts'
import { exchange } from '../../src/flows/exchange.ts'
import { issueExchangeToken } from '../../src/flows/exchange-token.ts'
import { resumeFlow } from '../../src/flows/flow.ts'
import { sweep } from '../../src/jobs/housekeeping.ts'
import { authenticate, clientOfCookie } from '../../src/sessions/authenticate.ts'
import type { Client } from '../../src/sessions/client.ts'
import { SessionRows } from '../../src/sessions/rows.ts'
import { logout, logoutTo } from '../../src/sessions/sign-out.ts'
import { switchAccount } from '../../src/sessions/switch.ts'
import { unlinkAccount } from '../../src/sessions/unlink.ts'
import { viewerOf } from '../../src/sessions/viewer.ts'
import { CLIENT, didOf } from '../support/builders.ts'
import { ClientsModel } from '../support/clients-model.ts'
import { aGrantedSession, isHonoured } from '../support/granted-sessions.ts'
import { ageGrant } from '../support/stored-grants.ts'
import { createTokenServer } from '../support/token-server.ts'
import { openUnitGateway, type UnitGateway } from '../support/unit-gateway.ts'
import { startUnitReplica, type UnitReplica } from '../support/unit-replica.ts'

/** About twenty steps each. */
const RUNS = inject('tier') === 'full' ? 500 : 40

const SECOND = 1000
const HOUR = 60 * 60 * SECOND
const HANDLES = ['alice.test', 'bob.test', 'carol.test'] as const

const COMMANDS = [
  'signIn',
  'signIn',
  'addAccount',
  'addAccount',
  'addAccount',
  'upgrade',
  'switch',
  'switch',
  'unlink',
  'logoutTo',
  'logout',
  'revokeElsewhere',
  'copyCookie',
  'refresh',
  'refresh',
  'look',
  'wait',
] as const

const step = record({
  command: constantFrom(...COMMANDS),
  client: nat({ max: 1 }),
  replica: constantFrom(0 as const, 1 as const),
  handle: constantFrom(...HANDLES),
  isLost: constantFrom(false, false, true),
  minutes: constantFrom(0.1, 2, 30 * 60),
})

/**
 * Two browsers do anything in any order, at one of two replicas each time; their answers may get lost, and one may get a
 * copy of the other's cookie. After each step each of them must see at both replicas what the model says.
 */
class Run {
  readonly model = new ClientsModel()
  readonly #cookies: (string | null)[] = [null, null]
  readonly #server = createTokenServer()
  readonly #clock: UnitGateway['clock']
  readonly #replicas: readonly [UnitReplica, UnitReplica]
  readonly #tag: string
  /** The replica that the step under way asks. */
  #gateway: UnitReplica

  constructor(gateway: UnitGateway, tag: string) {
    this.#clock = gateway.clock
    this.#replicas = [startUnitReplica(gateway, this.#server), startUnitReplica(gateway, this.#server)]
    this.#gateway = this.#replicas[0]
    this.#tag = tag
  }

  async take({ command, client, replica, handle, isLost, minutes }: Step): Promise<void> {
    this.#gateway = this.#replicas[replica]
    const did = didOf(`${this.#tag}.${handle}`)
    // Steps are further apart than the few milliseconds that one takes.
    this.#clock.advance(SECOND)
    switch (command) {
      case 'signIn':
        return this.#exchange({ client, did, isLost, kind: 'login' })
      case 'addAccount':
        return this.#exchange({ client, did, isLost, kind: 'add_account' })
      case 'upgrade':
        return this.#exchange({ client, did, isLost, kind: 'scope_upgrade' })
      case 'switch':
        return this.#change(
          client,
          (real) => switchAccount(this.#gateway, { client: real, targetDid: did, from: CLIENT }),
          () => this.model.switchTo(client, did),
        )
      case 'unlink':
        return this.#change(
          client,
          async (real) => {
            const viewer = viewerOf({ client: real, session: null }, null)
            if (viewer === null) throw new Error('nobody is active')
            await unlinkAccount(this.#gateway, { client: real, viewer, did, from: CLIENT })
          },
          () => this.model.unlink(client, did),
        )
      case 'logoutTo':
        return this.#change(
          client,
          async (real) => {
            const viewer = viewerOf({ client: real, session: null }, null)
            await logoutTo(this.#gateway, { client: real, viewer, switchTo: did, from: CLIENT })
          },
          () => this.model.logoutTo(client, did),
        )
      case 'logout': {
        await this.#change(
          client,
          (real) => logout(this.#gateway, { caller: { client: real, session: null }, from: CLIENT }),
          () => this.model.logout(client),
        )
        // A lost answer leaves the cookie, which is worth nothing then.
        if (!isLost) this.#setCookie(client, null, null)
        return
      }
      case 'revokeElsewhere':
        await this.#gateway.stores.db.$transaction(async (tx) => {
          await new SessionRows(tx).end({ did, exchangedAt: { not: null } })
        })
        return this.model.revoke(did)
      case 'copyCookie':
        return this.#setCookie(1 - client, this.#cookies[client] ?? null, this.model.tokenOf(client))
      case 'refresh':
        return this.#refresh(client)
      case 'look':
        await this.#present(client)
        return
      case 'wait':
        this.#clock.advance(minutes * 60 * SECOND)
        await sweep(this.#gateway)
        return this.model.wait(this.#clock())
    }
  }

  /** What each browser would see, and what the model expects. Looking at it here is no use of the token. */
  async expectAgreement(): Promise<void> {
    // What one replica has changed, the others know a second later.
    this.#clock.advance(SECOND)
    for (const client of [0, 1]) {
      const expected = this.model.seenBy(client, this.#clock())
      for (const replica of this.#replicas) {
        const real = await clientOfCookie(replica, this.#cookies[client] ?? null)
        const seen = real && {
          active: viewerOf({ client: real, session: null }, null)?.session.did ?? null,
          accounts: real.accounts.map(({ did }) => did).toSorted(),
        }
        expect(seen).toEqual(expected)
      }
    }
  }

  /**
   * After a day and a minute, whatever is left is reached by a token that somebody uses, or used; and the server honours
   * the grant of each session that is left, and no other.
   */
  async expectNothingUnreachable(): Promise<void> {
    this.#clock.advance(25 * HOUR)
    await sweep(this.#gateway)
    this.model.wait(this.#clock())
    const { db } = this.#gateway.stores
    const left = await db.session.findMany({
      where: { did: { startsWith: didOf(`${this.#tag}.`) } },
      select: { did: true, grantId: true },
    })
    expect(left.map(({ did }) => did).toSorted()).toEqual(this.model.sessions().toSorted())
    for (const replica of this.#replicas) await replica.settle()
    const parts = { stores: this.#gateway.stores, server: this.#server }
    for (const { grantId } of left) expect(await isHonoured(parts, grantId)).toBe(true)
    expect(this.#server.countHonoured()).toBe(left.length)
    expect(this.#server.replays).toBe(0)
  }

  async #present(client: number): Promise<Client | null> {
    const sessionCookie = this.#cookies[client] ?? null
    const caller = await authenticate(this.#gateway, { sessionCookie, authorization: null, client: CLIENT })
    this.model.use(client, this.#clock())
    return caller?.client ?? null
  }

  /** Both replicas use the client's grant at once, after its access token has ended. */
  async #refresh(client: number): Promise<void> {
    const real = await this.#present(client)
    const viewer = viewerOf(real && { client: real, session: null }, null)
    if (viewer === null) return
    const { grantId } = viewer.session
    await ageGrant(this.#gateway.stores.db, grantId, 2 * HOUR)
    const sent = this.#server.sent
    const used = await Promise.all(this.#replicas.map((replica) => replica.use(grantId)))
    expect(used.map(({ grant }) => this.#server.honours(grant))).toEqual([true, true])
    expect(this.#server.sent).toBe(sent + 1)
  }

  #setCookie(client: number, text: string | null, token: string | null): void {
    this.#cookies[client] = text
    this.model.hold(client, token)
  }

  /** Runs a change that the model allows or refuses; both must agree. */
  async #change(client: number, act: (real: Client) => Promise<unknown>, expected: () => boolean): Promise<void> {
    const real = await this.#present(client)
    if (real === null) return expect(this.model.seenBy(client, this.#clock())).toBeNull()
    const isDone = await act(real).then(
      () => true,
      () => false,
    )
    expect(isDone).toBe(expected())
  }

  async #exchange({ client, did, isLost, kind }: { client: number; did: string; isLost: boolean; kind: Kind }) {
    const { stores } = this.#gateway
    const shown = await this.#present(client)
    const held = shown?.accounts.find((session) => session.did === did)
    if (kind !== 'login' && shown === null) return
    if (kind === 'scope_upgrade' && held === undefined) return
    const starter = { groupId: shown?.group.id ?? '', did: kind === 'scope_upgrade' ? did : null }
    const purpose = {
      login: {},
      add_account: { starter, begunAt: new Date(this.#clock()) },
      scope_upgrade: { starter, did, authenticatedAt: held?.authenticatedAt },
    }[kind]
    const now = this.#clock()
    const options = { handle: did.replace('did:web:', ''), exchangedAt: null, authenticatedAt: new Date(now) }
    const { session } = await aGrantedSession({ stores, now, server: this.#server }, options)
    this.#clock.advance(SECOND)
    const clientCookie = 'client-cookie'
    const exchangeToken = await issueExchangeToken(this.#gateway, {
      sessionId: session.id,
      flow: resumeFlow(kind, purpose),
      binding: bindToCookie(clientCookie),
    })
    const request = { exchangeToken, proof: { clientCookie, verifier: null }, shown, from: CLIENT }
    const token = await exchange(this.#gateway, request).then(
      (exchanged) => exchanged.token,
      () => 'refused' as const,
    )
    const minted = this.model.exchange(client, { kind, did, authenticatedAt: now, now: this.#clock() })
    expect(token === 'refused' ? 'refused' : token && 'minted').toEqual(
      minted && (minted === 'refused' ? minted : 'minted'),
    )
    if (token !== null && token !== 'refused' && !isLost) this.#setCookie(client, token, minted)
  }
}

type Kind = 'login' | 'add_account' | 'scope_upgrade'
type Step = {
  command: (typeof COMMANDS)[number]
  client: number
  replica: 0 | 1
  handle: string
  isLost: boolean
  minutes: number
}

let gateway: UnitGateway

beforeAll(async () => {
  gateway = await openUnitGateway({ SESSION_DAYS: '30' })
})

it(
  'two clients see at two replicas what a simple model says, whatever they do and whichever answers are lost',
  async () => {
    let runs = 0
    await assert(
      asyncProperty(array(step, { minLength: 5, maxLength: 30 }), async (steps) => {
        const run = new Run(gateway, `model-${runs++}`)
        for (const each of steps) {
          await run.take(each)
          await run.expectAgreement()
        }
        await run.expectNothingUnreachable()
      }),
      { numRuns: RUNS, interruptAfterTimeLimit: 10 * 60 * SECOND },
    )
  },
  11 * 60 * SECOND,
)
