import { readFile, writeFile } from 'node:fs/promises'
import { drawResults } from '../bench/draw-results.ts'
import type { Results } from '../bench/results.ts'
import { withResults } from '../bench/results-tables.ts'

// Puts what `npm run bench -- --keep` found into docs/performance.md: a picture, and tables.
const docs = new URL('../docs/', import.meta.url)
const page = new URL('performance.md', docs)
const results = JSON.parse(await readFile(new URL('performance.json', docs), 'utf8')) as Results
await writeFile(new URL('performance.svg', docs), drawResults(results))
await writeFile(page, withResults(await readFile(page, 'utf8'), results))
