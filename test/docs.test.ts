import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'
import { drawResults } from '../bench/draw-results.ts'
import type { Results } from '../bench/results.ts'
import { withResults } from '../bench/results-tables.ts'

const read = (file: string) => readFileSync(file, 'utf8')

it.each([
  ['docs/clients.md', ['examples/apollo/client.ts', 'examples/urql/client.ts', 'examples/frontend/arrive.ts']],
  ['docs/xrpc.md', ['examples/xrpc/page.ts', 'examples/xrpc/write-post.ts', 'examples/xrpc/backend.ts']],
])('%s quotes the examples verbatim, and shows no TypeScript but theirs', (page, examples) => {
  const text = read(page)
  const quotes = [...text.matchAll(/\]\(\.\.\/([^)]+)\):\n\n```ts\n(.*?)```\n/gs)]
  expect(quotes.map(([, file]) => file)).toEqual(expect.arrayContaining(examples))
  for (const [, file = '', code] of quotes) expect(code, file).toBe(read(file))
  expect(text.match(/```ts\n/g)).toHaveLength(quotes.length)
})

it('docs/identity-tokens.md quotes the examples verbatim', () => {
  const text = read('docs/identity-tokens.md')
  const quotes = [...text.matchAll(/\]\(\.\.\/([^)]+)\):\n\n```(?:ts|python|go)\n(.*?)```\n/gs)]
  expect(quotes.map(([, file]) => file)).toEqual([
    'examples/services/verify-identity.ts',
    'examples/services/fastify.ts',
    'examples/services/verify_identity.py',
    'examples/services/verify_identity.go',
  ])
  for (const [, file = '', code] of quotes) expect(code, file).toBe(read(file))
})

it.each([...globSync('*.md'), ...globSync('docs/**/*.md')])('every file that %s links to is there', (page) => {
  const links = [...read(page).matchAll(/\]\((?!https?:)([^)#\s]+)/g)].map(([, link = '']) => link)
  expect(links.filter((link) => !existsSync(join(dirname(page), link)))).toEqual([])
})

it('docs/architecture.md names functions that are in the files that it names', () => {
  const steps = [...read('docs/architecture.md').matchAll(/\| \[(\S+)\]\(\S+\) \| (.+) \|$/gm)].flatMap(
    ([, file = '', names]) => [...String(names).matchAll(/`(\w+)`/g)].map(([, name = '']) => ({ file, name })),
  )
  expect(steps.length).toBeGreaterThan(20)
  expect(steps.filter(({ file, name }) => !new RegExp(`\\b${name}\\b`).test(read(file)))).toEqual([])
})

it.each([...globSync('*.md'), ...globSync('docs/**/*.md')])('every source file that %s names exists', (page) => {
  const paths = [...read(page).matchAll(/`((?:src|web|test|docs|scripts|prisma|examples)\/[\w./-]+)`/g)].map(
    ([, path = '']) => path,
  )
  expect(paths.filter((path) => !existsSync(path))).toEqual([])
})

it('docs/performance.md shows what docs/performance.json has', () => {
  const results = JSON.parse(read('docs/performance.json')) as Results
  expect(read('docs/performance.svg')).toBe(drawResults(results))
  expect(read('docs/performance.md')).toBe(withResults(read('docs/performance.md'), results))
})
