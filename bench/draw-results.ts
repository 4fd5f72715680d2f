import escapeHtml from 'escape-html'
import { goalOf, inUnit, machineOf } from './print-results.ts'
import { type Measure, meetsGoal, type Results } from './results.ts'

const WIDTH = 860
const ROW = 54
const TOP = 84
const FOOT = 74
/** Where bars begin. All goals stand at one place, in the middle of what bars can take. */
const BAR = { left: 390, width: 280, height: 14 }

// The picture has a background of its own: a page that shows it as an image may be light where the system is dark.
const STYLE = `
  svg { --card: #ffffff; --line: #d0d7de; --text: #1f2328; --soft: #59636e; --track: #eaeef2; --met: #1a7f5a; --missed: #b54708 }
  @media (prefers-color-scheme: dark) {
    svg { --card: #151b23; --line: #3d444d; --text: #f0f6fc; --soft: #9ba4ae; --track: #2a313c; --met: #3fb98a; --missed: #f0883e }
  }
  text { font: 14px system-ui, -apple-system, "Segoe UI", sans-serif; fill: var(--text) }
  .title { font-size: 18px; font-weight: 600 }
  .soft { font-size: 12px; fill: var(--soft) }
  .value { font-size: 17px; font-weight: 600; text-anchor: end; font-variant-numeric: tabular-nums }
  .met { fill: var(--met) }
  .missed { fill: var(--missed) }
  .goal { stroke: var(--text); stroke-width: 2 }
  .end { text-anchor: end }
  .middle { text-anchor: middle }`

/** Draws the measures as an SVG: each as a bar beside its goal, readable in light and in dark. */
export function drawResults(results: Results): string {
  const height = TOP + results.measures.length * ROW + FOOT
  const described = results.measures.map((measure) => `${title(measure)}: ${inUnit(measure, measure.value)}`)
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">
<title>${escapeHtml(described.join('; '))}</title>
<style>${STYLE}
</style>
<rect x="0.5" y="0.5" width="${WIDTH - 1}" height="${height - 1}" rx="10" style="fill: var(--card); stroke: var(--line)"/>
<text class="title" x="24" y="38">What a session costs</text>
<text class="soft" x="24" y="58">ratios of rates in one run, unless a unit or “time” says otherwise</text>
<text class="soft middle" x="${BAR.left + BAR.width / 2}" y="58">goal</text>
${results.measures.map((measure, index) => drawMeasure(measure, TOP + index * ROW)).join('\n')}
${drawFoot(results, height)}
</svg>
`
}

function drawMeasure(measure: Measure, top: number): string {
  const { name, beside, value, goal } = measure
  const isMet = meetsGoal(measure)
  const lines = [
    `<line x1="24" y1="${top}" x2="${WIDTH - 24}" y2="${top}" style="stroke: var(--line)"/>`,
    `<text x="24" y="${top + (beside === null ? 32 : 24)}">${escapeHtml(name)}</text>`,
  ]
  if (beside !== null) lines.push(`<text class="soft" x="24" y="${top + 42}">÷ ${escapeHtml(beside)}</text>`)
  if (goal !== null) lines.push(drawBar({ share: value / goal.value, isMet, top: top + 20 }))
  lines.push(
    `<text class="value" x="${WIDTH - 24}" y="${top + 25}">${inUnit(measure, value)}</text>`,
    `<text class="soft end" x="${WIDTH - 24}" y="${top + 43}">${goal === null ? 'for comparison' : `${goalOf(measure)} ${isMet ? '✓ met' : '✗ missed'}`}</text>`,
  )
  return lines.join('\n')
}

/** @param share of the goal. A bar that would leave the picture ends in a point. */
function drawBar({ share, isMet, top }: { share: number; isMet: boolean; top: number }): string {
  const { left, width, height } = BAR
  const kind = isMet ? 'met' : 'missed'
  const goal = left + width / 2
  const [right, bottom] = [left + width, top + height]
  const bar =
    share > 2
      ? `<path class="${kind}" d="M${left} ${top}H${right - 8}L${right} ${top + height / 2}L${right - 8} ${bottom}H${left}Z"/>`
      : `<rect class="${kind}" x="${left}" y="${top}" width="${((share * width) / 2).toFixed(1)}" height="${height}"/>`
  return [
    `<rect x="${left}" y="${top}" width="${width}" height="${height}" style="fill: var(--track)"/>`,
    bar,
    `<line class="goal" x1="${goal}" y1="${top - 5}" x2="${goal}" y2="${bottom + 5}"/>`,
  ].join('\n')
}

function drawFoot(results: Results, height: number): string {
  const { day, scale } = results
  const run = `${day}: medians of ${scale.rounds} rounds of ${scale.seconds} s, ${scale.connections} connections, PostgreSQL and Redis`
  return [run, ...machineOf(results).split('; ')]
    .map((text, index) => `<text class="soft" x="24" y="${height - 46 + index * 16}">${escapeHtml(text)}</text>`)
    .join('\n')
}

const title = ({ name, beside }: Measure) => (beside === null ? name : `${name} ÷ ${beside}`)
