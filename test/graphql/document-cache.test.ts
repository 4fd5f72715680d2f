import { parse } from 'graphql'
import { expect, it } from 'vitest'
import { createDocumentCache } from '../../src/graphql/document-cache.ts'
import { MAX_CACHED_TEXT } from '../../src/graphql/limits/numbers.ts'

it('gives a document again by its text', () => {
  const cache = createDocumentCache()
  const document = parse('{ __typename }')
  cache.set('{ __typename }', document)
  expect(cache.get('{ __typename }')).toBe(document)
  expect(cache.get('{ __typename } ')).toBeUndefined()
})

it('keeps documents up to a size of their text, and forgets the oldest first', () => {
  const cache = createDocumentCache()
  const texts = Array.from({ length: 20 }, (_, index) => `${index}`.padEnd(MAX_CACHED_TEXT / 10))
  for (const text of texts) cache.set(text, parse('{ __typename }'))
  expect(texts.filter((text) => cache.get(text) !== undefined)).toEqual(texts.slice(10))
})
