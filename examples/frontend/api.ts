import type { TypedDocumentNode } from '@graphql-typed-document-node/core'
import type { SessionChangeKind } from '../../web/generated/graphql.ts'

/** What this frontend needs of a GraphQL client. Queries and mutations reject with the client's own errors. */
export type Api = {
  /** Reads from the client's cache if possible, or never. Both clients use the same names for these policies. */
  query<Data, Variables extends Record<string, unknown>>(
    document: TypedDocumentNode<Data, Variables>,
    variables: Variables,
    policy: 'cache-first' | 'network-only',
  ): Promise<Data>

  mutate<Data, Variables extends Record<string, unknown>>(
    document: TypedDocumentNode<Data, Variables>,
    variables: Variables,
  ): Promise<Data>

  /** Empties the cache, because another account may be signed in from now on. */
  forget(): Promise<void>

  /** Calls `onChange` for each change that another tab makes. Call the returned function to stop. */
  listen(onChange: (kind: SessionChangeKind) => void): () => void

  /** Returns a message for people. */
  problemOf(error: unknown): string
}
