/** How much a run does. */
export type Plan = {
  name: 'full' | 'short'
  /** Completed sign-ins, at least. Accounts that are added and developer tokens come on top. */
  signIns: number
  /** Authenticated GraphQL requests, at least. */
  requests: number
  /** How many people sign in before the first fault. */
  signInsBefore: number
  /** Milliseconds between the end of one sign-in and the start of the next. */
  arrivalMs: number
  /** How many grants are made due each half second. */
  ageing: number
  /** How often each fault happens. */
  rounds: number
  /** Accounts besides those of the sandbox. */
  moreAccounts: number
  /** Calm time after each fault, in milliseconds: faults follow one another, and one store is away at a time. */
  calmMs: number
  /** How many clients send requests side by side. */
  workers: number
  /**
   * Whether the run really waits the minute in which a grant whose refresh was broken off is left alone, or sets the
   * times of its mark back when nothing is under way any more.
   */
  waitsForMarks: boolean
}

const FULL: Plan = {
  name: 'full',
  signIns: 200,
  requests: 20_000,
  signInsBefore: 60,
  arrivalMs: 150,
  ageing: 6,
  rounds: 3,
  moreAccounts: 9,
  calmMs: 10_000,
  workers: 12,
  waitsForMarks: true,
}

const SHORT: Plan = {
  name: 'short',
  signIns: 20,
  requests: 1500,
  signInsBefore: 12,
  arrivalMs: 1500,
  ageing: 2,
  rounds: 1,
  moreAccounts: 3,
  calmMs: 4000,
  workers: 6,
  waitsForMarks: false,
}

export function planOf(args: readonly string[]): Plan {
  const unknown = args.filter((arg) => arg !== '--short')
  if (unknown.length > 0) throw new TypeError(`unknown argument: ${unknown.join(' ')}. There is --short.`)
  return args.includes('--short') ? SHORT : FULL
}
