import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { printedSchema } from '../../src/graphql/print-schema.ts'

it('schema.graphql is what the code prints (npm run schema)', async () => {
  expect(await readFile(new URL('../../schema.graphql', import.meta.url), 'utf8')).toBe(printedSchema())
})
