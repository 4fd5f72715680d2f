/** What a run found: what is printed, kept as JSON, and drawn. */
export type Results = {
  /** The day, as in 2026-11-25. */
  day: string
  machine: { processor: string; cores: number; arePinned: boolean }
  versions: { node: string; postgresql: string; betterAuth: string }
  scale: {
    rounds: number
    seconds: number
    connections: number
    fewSessions: number
    manySessions: number
    signIns: number
  }
  measures: Measure[]
  rates: Rate[]
}

export type Measure = {
  /** What is measured, and what it is divided by. Null where it is divided by nothing. */
  name: string
  beside: string | null
  /** The median of the rounds, and the range that they were in. */
  value: number
  lowest: number
  highest: number
  /** Of the value. Empty for a ratio. */
  unit: '' | 'MB' | 'ms'
  /** None where it is measured for comparison alone. */
  goal: Goal | null
}

export type Goal = { is: 'at least' | 'at most'; value: number }

/** Medians of the rounds: answers a second, and processor time for each in microseconds. */
export type Rate = {
  name: string
  rate: number
  cpu: number
  /** The share of the time for which the server, and the load generator, kept a processor busy. */
  busy: number
  loadBusy: number
}

export function meetsGoal({ value, goal }: Pick<Measure, 'value' | 'goal'>): boolean {
  if (goal === null) return true
  return goal.is === 'at least' ? value >= goal.value : value <= goal.value
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}
