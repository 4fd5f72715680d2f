import type { TypedDocumentNode } from '@graphql-typed-document-node/core'
import type { SessionChangeKind } from '../../web/generated/graphql.ts'

/** What this frontend asks of a GraphQL client, whichever it is. Queries and mutations reject with the client's own errors. */
export type Api = {
  /** From the client's cache where it can, or never. Both clients call these policies by the same names. */
  query<Data, Variables extends Record<string, unknown>>(
    document: TypedDocumentNode<Data, Variables>,
    variables: Variables,
    policy: 'cache-first' | 'network-only',
  ): Promise<Data>

  mutate<Data, Variables extends Record<string, unknown>>(
    document: TypedDocumentNode<Data, Variables>,
    variables: Variables,
  ): Promise<Data>

  /** Empties the cache: from here on somebody else may be signed in. */
  forget(): Promise<void>

  /** Tells what happens to the session in other tabs, until the function that it gives is called. */
  listen(onChange: (kind: SessionChangeKind) => void): () => void

  /** What to say of an error to people. */
  problemOf(error: unknown): string
}
