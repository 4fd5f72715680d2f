import { expect, it } from 'vitest'
import { createStatementNames } from '../../../src/store/sql/statement-names.ts'

it('a statement keeps the name that it got first, and no two have one', () => {
  const names = createStatementNames()
  const [first, second] = [names('SELECT 1'), names('SELECT 2')]
  expect(first).not.toBe(second)
  expect([names('SELECT 1'), names('SELECT 2')]).toEqual([first, second])
})

it('there is a bounded number of names', () => {
  const names = createStatementNames(2)
  expect(['a', 'b', 'c', 'a'].map(names)).toEqual(['atgate_0', 'atgate_1', undefined, 'atgate_0'])
  const many = createStatementNames()
  const given = Array.from({ length: 1000 }, (_, i) => many(`SELECT ${i}`))
  expect(given.filter((name) => name !== undefined)).toHaveLength(150)
})
