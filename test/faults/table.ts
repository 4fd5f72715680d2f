import type { Plan } from './plan.ts'
import type { Verdict } from './verdict.ts'

/** The outcome of a run, as docs/reliability.md has it. */
export function tableOf({ name }: Plan, verdict: Verdict, seconds: number): string {
  const rows = [
    ['duration', `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`],
    ...verdict.counts().toSorted(([a], [b]) => a.localeCompare(b)),
    ...Object.entries(verdict.violations()).map(([what, number]) => [`**${what}**`, `**${number}**`]),
  ]
  return [`| the ${name} run | |`, '| --- | ---: |', ...rows.map(([what, number]) => `| ${what} | ${number} |`)].join(
    '\n',
  )
}
