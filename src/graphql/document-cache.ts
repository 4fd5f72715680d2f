import type { DocumentNode } from 'graphql'
import { LRUCache } from 'lru-cache'
import { MAX_CACHED_TEXT } from './limits/numbers.ts'

/** What Yoga takes for a cache. */
type Cache<T> = { get(text: string): T | undefined; set(text: string, value: T): void }

/** Parsed documents, valid or not, by their text. */
export type DocumentCache = Cache<DocumentNode>

/** Keeps parsed documents by their text, and forgets those that were used longest ago. */
export function createDocumentCache(): DocumentCache {
  return new LRUCache<string, DocumentNode>({
    maxSize: MAX_CACHED_TEXT,
    sizeCalculation: (_document, text) => Math.max(text.length, 1),
  })
}

/** Keeps nothing. */
export const NO_CACHE: Cache<never> = { get: () => undefined, set: () => undefined }
