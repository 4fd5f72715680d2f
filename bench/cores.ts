import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** Which cores the measured servers and the load generator have, as `taskset` takes them. */
export type Cores = { servers: string; load: string }

/**
 * Divides the cores that this process may use: the first for the servers, which are measured one at a time, the others
 * for the load generator. Null where there is no `taskset`, or one core.
 */
export function divideCores(): Cores | null {
  if (spawnSync('taskset', ['-V']).status !== 0) return null
  const [, list = ''] = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? []
  const [first, ...others] = list.split(',').flatMap(numbersIn)
  return first === undefined || others.length === 0 ? null : { servers: String(first), load: others.join(',') }
}

/** Keeps this process, and those that it starts without saying where, on these cores. */
export function stayOn(cores: string): void {
  const { status, stderr } = spawnSync('taskset', ['-a', '-c', '-p', cores, String(process.pid)])
  if (status !== 0) throw new Error(`taskset: ${stderr}`)
}

/** Of `3` or `0-3`. */
function numbersIn(range: string): number[] {
  const [from = Number.NaN, to = from] = range.split('-').map(Number)
  return Array.from({ length: to - from + 1 }, (_, index) => from + index)
}
