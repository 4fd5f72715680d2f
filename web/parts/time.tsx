const DATE = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' })
const EXACT = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'short' })
const RELATIVE = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' })

const UNITS = [
  ['day', 24 * 60 * 60 * 1000],
  ['hour', 60 * 60 * 1000],
  ['minute', 60 * 1000],
] as const

/** A day, such as 24 Nov 2026; the exact time on hovering. */
export function Day({ at }: { at: string }) {
  const date = new Date(at)
  return (
    <time dateTime={at} title={EXACT.format(date)}>
      {DATE.format(date)}
    </time>
  )
}

/** How long ago, such as 5 minutes ago; the exact time on hovering. */
export function Ago({ at }: { at: string }) {
  const date = new Date(at)
  return (
    <time dateTime={at} title={EXACT.format(date)}>
      {ago(Date.now() - date.getTime())}
    </time>
  )
}

function ago(ms: number): string {
  for (const [unit, length] of UNITS) if (ms >= length) return RELATIVE.format(-Math.floor(ms / length), unit)
  return 'just now'
}
