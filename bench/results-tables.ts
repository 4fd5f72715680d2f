import { goalOf, inUnit, machineOf } from './print-results.ts'
import { meetsGoal, type Results } from './results.ts'

/** The results as Markdown, for docs/performance.md. */
export function resultsTables(results: Results): string {
  const { day, scale, measures, rates } = results
  return [
    `Run of ${day}: medians of ${scale.rounds} rounds of ${scale.seconds} s, ${scale.connections} connections.`,
    `${machineOf(results)}.`,
    '',
    '| measure | beside | value | rounds | goal | |',
    '| --- | --- | ---: | ---: | ---: | --- |',
    ...measures.map((measure) => {
      const { name, beside, value, lowest, highest, goal } = measure
      const range = beside === null ? '' : `${inUnit(measure, lowest)}–${inUnit(measure, highest)}`
      const verdict = goal === null ? '' : meetsGoal(measure) ? 'met' : 'missed'
      return line([name, beside ?? '', inUnit(measure, value), range, goalOf(measure), verdict])
    }),
    '',
    '| | requests a second | CPU µs each | its processor was busy |',
    '| --- | ---: | ---: | ---: |',
    ...rates.map(({ name, rate, cpu, busy }) =>
      line([name, rate.toFixed(0), cpu.toFixed(0), `${Math.round(busy * 100)} %`]),
    ),
  ].join('\n')
}

/** Replaces what stands between the marks of the results in a page. */
export function withResults(page: string, results: Results): string {
  const [begin, end] = ['<!-- results, by npm run bench:picture -->', '<!-- end of results -->']
  const [from, to] = [page.indexOf(begin), page.indexOf(end)]
  if (from === -1 || to < from) throw new Error('the page has no place for results')
  return `${page.slice(0, from)}${begin}\n\n${resultsTables(results)}\n\n${page.slice(to)}`
}

const line = (cells: string[]) => `| ${cells.join(' | ')} |`
