import { appendFileSync } from 'node:fs'

/** What must not happen, and by which name the table has it. */
export const VIOLATIONS = [
  'lost sessions',
  'grants lost',
  'used twice',
  'wrong account',
  'served after signing out',
  'hangs over 10 s',
  'unclear errors',
  'replicas that crashed',
] as const

export type Violation = (typeof VIOLATIONS)[number]

/** Counts what happens in a run, and writes what matters to the log. */
export type Verdict = {
  violation(what: Violation, detail: object): void
  /** Counts something that may happen. */
  count(what: string, by?: number): void
  note(message: string, detail?: object): void
  /** Keeps the largest of some figures. */
  longest(what: string, ms: number): void
  countOf(what: string): number
  counts(): [string, number][]
  violations(): Record<Violation, number>
  hasFailed(): boolean
  /** As the log has them: the first ones, since others may follow from them. */
  firstViolations(): string[]
}

const FIRST = 10

export function createVerdict(logFile: string): Verdict {
  const violations = Object.fromEntries(VIOLATIONS.map((what) => [what, 0])) as Record<Violation, number>
  const counts = new Map<string, number>()
  const first: string[] = []

  function write(message: string, detail: object = {}) {
    const line = JSON.stringify({ time: new Date().toISOString(), message, ...detail }, asText)
    appendFileSync(logFile, `${line}\n`)
    return line
  }
  return {
    violation(what, detail) {
      violations[what]++
      const line = write(`VIOLATION: ${what}`, detail)
      if (first.length < FIRST) first.push(line)
    },
    count: (what, by = 1) => void counts.set(what, (counts.get(what) ?? 0) + by),
    longest: (what, ms) => void counts.set(what, Math.max(counts.get(what) ?? 0, Math.round(ms))),
    note: (message, detail) => void write(message, detail),
    countOf: (what) => counts.get(what) ?? 0,
    counts: () => [...counts],
    violations: () => ({ ...violations }),
    hasFailed: () => Object.values(violations).some((number) => number > 0),
    firstViolations: () => first,
  }
}

function asText(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value)
  return value instanceof Error ? String(value.stack) : value
}
