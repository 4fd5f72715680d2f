import type { Account } from './accounts.ts'
import { anyOf } from './caller.ts'
import { type Person, signIn } from './person.ts'
import type { World } from './world.ts'

/** Everybody who is signed in. */
export type Crowd = {
  people: readonly Person[]
  /** Developer tokens whose browser has signed out: they go on. */
  tokens: readonly Person['developerTokens'][number][]
  /** Signs somebody in. */
  join(): Promise<void>
  /** Does something with somebody who does nothing else; nothing when all are busy. */
  withSomebody(work: (person: Person) => Promise<unknown>): Promise<void>
  /** Does something with as many as are free, all at once. */
  withMany(most: number, work: (person: Person) => Promise<unknown>): Promise<void>
  leave(person: Person): void
}

export function createCrowd(world: World): Crowd {
  const people: Person[] = []
  const tokens: Person['developerTokens'] = []
  let next = 0

  async function hold(person: Person, work: (person: Person) => Promise<unknown>) {
    person.isBusy = true
    try {
      await work(person)
    } finally {
      person.isBusy = false
    }
  }
  return {
    people,
    tokens,
    async join() {
      const account = world.accounts[next++ % world.accounts.length] as Account
      const person = await signIn(world, account)
      person.isBusy = false
      people.push(person)
    },
    async withSomebody(work) {
      const free = people.filter(({ isBusy }) => !isBusy)
      if (free.length > 0) await hold(anyOf(free), work)
    },
    async withMany(most, work) {
      const free = people.filter(({ isBusy }) => !isBusy).slice(-most)
      await Promise.all(free.map((person) => hold(person, work)))
    },
    leave(person) {
      people.splice(people.indexOf(person), 1)
      tokens.push(...person.developerTokens)
    },
  }
}
