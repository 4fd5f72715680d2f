import type { TypedDocumentNode } from '@graphql-typed-document-node/core'

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

  /**
   * Calls `onChange` for each change that another tab makes, and `onEnd` when the stream has ended. Call the returned
   * function to stop.
   */
  listen(listener: { onChange: () => void; onEnd: () => void }): () => void

  /** Returns the gateway's error code, or null for an error that does not come from it. */
  codeOf(error: unknown): string | null

  /** Returns a message for people. */
  problemOf(error: unknown): string
}
