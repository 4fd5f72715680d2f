import fc from 'fast-check'
import { beforeAll, expect, it } from 'vitest'
import {
  crashAt,
  type GrantProcess,
  type Interference,
  type Step,
  startGrantProcess,
} from '../../support/grant-process.ts'
import { ageGrant, storeGrant } from '../../support/stored-grants.ts'
import { createTokenServer } from '../../support/token-server.ts'
import { openUnitGateway, type UnitGateway } from '../../support/unit-gateway.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND

/** What happens to one process in one round. */
type Fate =
  | { kind: 'nothing' }
  | { kind: 'crash'; step: Step; when: 'before' | 'after' }
  | { kind: 'failure'; step: Step; when: 'before' | 'after' }

const STEPS: Step[] = [
  'find',
  'prepare',
  'lease',
  'read copy',
  'mark',
  'send',
  'answer',
  'save copy',
  'store',
  'end lease',
]

/** A process that ends, or is refused its answer, when nobody else can have the new token set: the exempt case. */
function losesTheAnswer({ kind, ...fate }: Fate): boolean {
  if (kind === 'nothing') return false
  const { step, when } = fate as { step: Step; when: 'before' | 'after' }
  if (step === 'answer') return true
  // The token server has answered; what the crash comes before is the first copy of it.
  return kind === 'crash' && step === 'save copy' && when === 'before'
}

const fates: fc.Arbitrary<Fate> = fc
  .record({
    kind: fc.constantFrom('nothing' as const, 'crash' as const, 'failure' as const),
    step: fc.constantFrom(...STEPS),
    when: fc.constantFrom('before' as const, 'after' as const),
  })
  .filter((fate) => !losesTheAnswer(fate))

/** Two processes that refresh at once, and whether a minute passes before the next two do. */
const rounds = fc.array(fc.record({ fates: fc.tuple(fates, fates), aMinutePasses: fc.boolean() }), {
  minLength: 1,
  maxLength: 6,
})

let gateway: UnitGateway
beforeAll(async () => {
  gateway = await openUnitGateway()
})

it('no sequence of crashes and failures loses a grant, but a crash between the answer and its first copy', async () => {
  await fc.assert(
    fc.asyncProperty(rounds, async (sequence) => {
      const { stores } = gateway
      const server = createTokenServer()
      const id = await storeGrant(stores, server)
      const alive: GrantProcess[] = []
      for (const round of sequence) {
        // The access token is due, and goes on for long.
        const refreshAfter = new Date(Date.now() - MINUTE)
        await stores.db.grant.update({ where: { id }, data: { refreshAfter } })
        await Promise.all(
          round.fates.map(async (fate) => {
            const { interfere, ended } = meet(fate)
            const process = startGrantProcess({ stores, server, interfere })
            process.grants.refreshSoon(id)
            // A process that goes on tries to store what it holds until it has.
            if (fate.kind !== 'crash') alive.push(process)
            await Promise.race([process.grants.close(5 * SECOND), ended])
          }),
        )
        if (round.aMinutePasses) await ageGrant(stores.db, id, MINUTE + SECOND)
      }
      await ageGrant(stores.db, id, 2 * 60 * MINUTE)
      expect(alive.map(({ grants }) => grants.countUnstored())).toEqual(alive.map(() => 0))
      const { grant } = await startGrantProcess({ stores, server }).use(id)
      expect(server.honours(grant)).toBe(true)
      expect(server.replays).toBe(0)
    }),
    { numRuns: 100 },
  )
})

function meet(fate: Fate): { interfere: Interference; ended: Promise<void> } {
  if (fate.kind === 'crash') {
    const { interfere, crashed } = crashAt(fate.step, { when: fate.when })
    return { interfere, ended: crashed }
  }
  let hasFailed = false
  const interfere: Interference = async (step, work) => {
    const isHere = fate.kind === 'failure' && step === fate.step && !hasFailed
    if (!isHere) return work()
    hasFailed = true
    if (fate.when === 'after') await work()
    throw new Error(`${step} failed`)
  }
  return { interfere, ended: new Promise(() => undefined) }
}
