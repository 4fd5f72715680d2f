import { setTimeout as sleep } from 'node:timers/promises'
import { anyOf } from './caller.ts'
import type { Crowd } from './crowd.ts'
import {
  addAccount,
  askAsStranger,
  askWho,
  askWhoByToken,
  createDeveloperToken,
  type Person,
  signOut,
  switchAccount,
} from './person.ts'
import type { Plan } from './plan.ts'
import type { World } from './world.ts'

type Act = (world: World, person: Person, crowd: Crowd) => Promise<unknown>

/** A tab that is opened sends several requests at once. */
const BURST = 4

/** Of a thousand things that people do, how many are which. */
const ACTS: [number, Act][] = [
  [690, (world, person) => Promise.all(Array.from({ length: BURST }, () => askWho(world, person)))],
  [120, (world, person) => askWho(world, person, anyOf(person.accounts))],
  [80, async (world, { developerTokens }) => Promise.all(developerTokens.map((token) => askWhoByToken(world, token)))],
  [60, switchAccount],
  [22, askAsStranger],
  [10, addAccount],
  [10, createDeveloperToken],
  [
    8,
    async (world, person, crowd) => {
      crowd.leave(person)
      await signOut(world, person)
    },
  ],
]

/** Each act as often as it weighs. */
const DRAW = ACTS.flatMap(([weight, act]) => Array.from({ length: weight }, () => act))

/** Milliseconds between what one worker does: the machine has other work than to answer. */
const PAUSE = 40

/** Keeps everybody busy until it is told to stop. */
export function startLoad(world: World, crowd: Crowd, { workers }: Plan): { stop(): Promise<void> } {
  let isOver = false

  async function keepWorking(work: () => Promise<unknown>, pause: number) {
    while (!isOver) {
      try {
        await work()
      } catch (error) {
        // Violations are counted where they are found. What else fails is no less in the way.
        world.verdict.violation('unclear errors', { what: 'the client failed', error })
      }
      await sleep(pause)
    }
  }

  const act = () => crowd.withSomebody((person) => anyOf(DRAW)(world, person, crowd))
  const working = Array.from({ length: workers }, () => keepWorking(act, PAUSE))
  return {
    async stop() {
      isOver = true
      await Promise.all(working)
    },
  }
}

/** Signs people in until it is told to stop: one after the other, so that some are in every fault. */
export function startArrivals(world: World, crowd: Crowd, pause: number): { stop(): Promise<void> } {
  let isOver = false
  const arriving = (async () => {
    while (!isOver) {
      await crowd.join().catch((error: unknown) => {
        world.verdict.violation('unclear errors', { what: 'not signed in', error })
      })
      await sleep(pause)
    }
  })()
  return {
    async stop() {
      isOver = true
      await arriving
    },
  }
}
