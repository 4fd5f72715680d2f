import { setTimeout } from 'node:timers/promises'
import { during, type Load, type Loaded, load, times } from './load.ts'

/** What is asked of a server in each round. */
export type Row = {
  server: { cpuMs(): Promise<number> }
  load: Load
  /** How many sessions are each asked for once. Before the first comes again, its last read has stopped counting. */
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

/** How long a gateway trusts what it has read, with a margin, in milliseconds. */
const TRUSTED_FOR = 1500

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

async function measure({ server, load: requests, sessions }: Row, seconds: number): Promise<Sample> {
  let total = NOTHING
  do {
    if (total !== NOTHING) await setTimeout(TRUSTED_FOR)
    const next = during(seconds - total.seconds, requests)
    total = sum(total, await measureOnce(server, sessions === undefined ? next : times(sessions, next)))
  } while (total.seconds < seconds)
  const { answered, seconds: took, cpuMs, loadMs } = total
  return {
    rate: answered / took,
    cpu: (cpuMs * 1000) / answered,
    busy: cpuMs / 1000 / took,
    loadBusy: loadMs / 1000 / took,
  }
}

type Measured = Loaded & { cpuMs: number; loadMs: number }

const NOTHING: Measured = { answered: 0, seconds: 0, cpuMs: 0, loadMs: 0 }

async function measureOnce(server: Row['server'], requests: Load): Promise<Measured> {
  const [cpuBefore, loadBefore] = [await server.cpuMs(), process.cpuUsage()]
  const loaded = await load(requests)
  const [cpuMs, { user, system }] = [(await server.cpuMs()) - cpuBefore, process.cpuUsage(loadBefore)]
  return { ...loaded, cpuMs, loadMs: (user + system) / 1000 }
}

function sum(a: Measured, b: Measured): Measured {
  return {
    answered: a.answered + b.answered,
    seconds: a.seconds + b.seconds,
    cpuMs: a.cpuMs + b.cpuMs,
    loadMs: a.loadMs + b.loadMs,
  }
}
