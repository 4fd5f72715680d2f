import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'

const read = (file: string) => readFileSync(file, 'utf8')

it('docs/clients.md quotes the examples verbatim, and shows no TypeScript but theirs', () => {
  const text = read('docs/clients.md')
  const quotes = [...text.matchAll(/\]\(\.\.\/([^)]+)\):\n\n```ts\n(.*?)```\n/gs)]
  expect(quotes.map(([, file]) => file)).toEqual(
    expect.arrayContaining(['examples/apollo/client.ts', 'examples/urql/client.ts', 'examples/frontend/arrive.ts']),
  )
  for (const [, file = '', code] of quotes) expect(code, file).toBe(read(file))
  expect(text.match(/```ts\n/g)).toHaveLength(quotes.length)
})

it.each([...globSync('*.md'), ...globSync('docs/**/*.md')])('every file that %s links to is there', (page) => {
  const links = [...read(page).matchAll(/\]\((?!https?:)([^)#\s]+)/g)].map(([, link = '']) => link)
  expect(links.filter((link) => !existsSync(join(dirname(page), link)))).toEqual([])
})
