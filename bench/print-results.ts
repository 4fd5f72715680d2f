import { type Measure, meetsGoal, type Results } from './results.ts'

/** Prints what was measured: the measures beside their goals, and the rates that they come from. */
export function printResults(results: Results): void {
  const { scale, measures, rates } = results
  const lines = [
    ...columns([
      ['measure', 'beside', 'value', 'rounds', 'goal', ''],
      ...measures.map((measure) => [
        measure.name,
        measure.beside ?? '',
        inUnit(measure, measure.value),
        measure.beside === null ? '' : `${measure.lowest.toFixed(2)}–${measure.highest.toFixed(2)}`,
        goalOf(measure),
        measure.goal === null ? '' : meetsGoal(measure) ? 'met' : 'MISSED',
      ]),
    ]),
    '',
    ...columns([
      ['', 'requests/s', 'CPU µs each', 'server busy', 'load generator busy'],
      ...rates.map(({ name, rate, cpu, busy, loadBusy }) => [
        name,
        rate.toFixed(0),
        cpu.toFixed(0),
        percent(busy),
        percent(loadBusy),
      ]),
    ]),
    '',
    `Medians of ${scale.rounds} rounds of ${scale.seconds} s, ${scale.connections} connections. ${machineOf(results)}.`,
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
}

/** Where it was measured, in a line. */
export function machineOf({ machine, versions }: Pick<Results, 'machine' | 'versions'>): string {
  const division = machine.arePinned ? 'the measured server on one, the load generator on the others' : 'shared by all'
  return (
    `${machine.processor}, ${machine.cores} cores, ${division}; ` +
    `Node.js ${versions.node}, PostgreSQL ${versions.postgresql}, better-auth ${versions.betterAuth}`
  )
}

/** A value as it is shown: ratios with two digits after the point. */
export function inUnit({ unit }: Pick<Measure, 'unit'>, value: number): string {
  return unit === '' ? value.toFixed(2) : `${value.toFixed(0)} ${unit}`
}

export function goalOf({ unit, goal }: Pick<Measure, 'unit' | 'goal'>): string {
  if (goal === null) return ''
  return `${goal.is === 'at least' ? '≥' : '≤'} ${goal.value}${unit === '' ? '' : ` ${unit}`}`
}

const percent = (share: number) => `${Math.round(share * 100)} %`

/** Lines of a table. Its first column, and those of words, stand at the left. */
function columns(rows: string[][]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) =>
    row
      .map((text, column) => text.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}
