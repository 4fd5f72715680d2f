import { during, type Load, load } from './load.ts'

/** What is asked of a server in each round. */
export type Row = {
  server: { cpuMs(): Promise<number> }
  load: Load
  /** Of sessions that are each asked for once before the first comes again. */
  sessions?: number
}

/** One round of one row. */
export type Sample = {
  /** Answers a second. */
  rate: number
  /** Processor time of the server for each, in microseconds. */
  cpu: number
  /** The share of the time for which the server, and the load generator, kept a processor busy. */
  busy: number
  loadBusy: number
}

/** How often each is asked, and for how long. */
export type Scale = { rounds: number; seconds: number }

const WARM_UP_SECONDS = 2

/** How long a gateway trusts what it has read, with a margin, in seconds. */
const TRUSTED_FOR = 1.5

/** Asks each server in turn, round by round, so that other load on the machine affects all of them. */
export async function measureRates<Name extends string>(
  rows: Record<Name, Row>,
  { rounds, seconds }: Scale,
): Promise<Record<Name, Sample[]>> {
  const names = Object.keys(rows) as Name[]
  const samples = Object.fromEntries(names.map((name) => [name, [] as Sample[]])) as Record<Name, Sample[]>
  for (const name of names) await measure(rows[name], WARM_UP_SECONDS)
  for (let round = 1; round <= rounds; round++) {
    // To and fro, so that what a server leaves behind for the next one does not always count against the same one.
    for (const name of round % 2 === 0 ? names.toReversed() : names) {
      samples[name].push(await measure(rows[name], seconds))
    }
  }
  return samples
}

async function measure(
  { server, load: requests, sessions = Number.POSITIVE_INFINITY }: Row,
  seconds: number,
): Promise<Sample> {
  const [cpuBefore, loadBefore] = [await server.cpuMs(), process.cpuUsage()]
  const { answered, seconds: took } = await load(during(seconds, requests))
  const [cpuMs, { user, system }] = [(await server.cpuMs()) - cpuBefore, process.cpuUsage(loadBefore)]
  const rate = answered / took
  if (rate * TRUSTED_FOR > sessions) throw new Error(`${sessions} sessions are too few: some were still cached`)
  return { rate, cpu: (cpuMs * 1000) / answered, busy: cpuMs / 1000 / took, loadBusy: (user + system) / 1e6 / took }
}
