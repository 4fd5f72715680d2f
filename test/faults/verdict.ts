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
] as const

export type Violation = (typeof VIOLATIONS)[number]

/** Counts what happens in a run, and writes what matters to the log. */
export type Verdict = {
  violation(what: Violation, detail: object): void
  /** Counts something that may happen. */
  count(what: string, by?: number): void
  note(message: string, detail?: object): void
  countOf(what: string): number
  counts(): [string, number][]
  violations(): Record<Violation, number>
  hasFailed(): boolean
}

export function createVerdict(logFile: string): Verdict {
  const violations = Object.fromEntries(VIOLATIONS.map((what) => [what, 0])) as Record<Violation, number>
  const counts = new Map<string, number>()

  function write(message: string, detail: object = {}) {
    const line = { time: new Date().toISOString(), message, ...detail }
    appendFileSync(logFile, `${JSON.stringify(line, asText)}\n`)
  }
  return {
    violation(what, detail) {
      violations[what]++
      write(`VIOLATION: ${what}`, detail)
    },
    count: (what, by = 1) => void counts.set(what, (counts.get(what) ?? 0) + by),
    note: write,
    countOf: (what) => counts.get(what) ?? 0,
    counts: () => [...counts],
    violations: () => ({ ...violations }),
    hasFailed: () => Object.values(violations).some((number) => number > 0),
  }
}

function asText(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value)
  return value instanceof Error ? String(value.stack) : value
}
