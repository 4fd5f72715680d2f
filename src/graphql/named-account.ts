import type { Plugin } from 'graphql-yoga'
import type { Context } from './context.ts'

/**
 * Refuses a request that names an account which is not signed in here (`Atgate-Account`), before anything is executed:
 * so no field acts as another account than the one that the page shows.
 */
export function namedAccountPlugin(): Plugin<Context> {
  async function requireNamedAccount({ clientRequest, viewer }: Context): Promise<void> {
    // Throws ACCOUNT_CHANGED.
    if (clientRequest.account !== null) await viewer()
  }
  return {
    onExecute: ({ args }) => requireNamedAccount(args.contextValue),
    onSubscribe: ({ args }) => requireNamedAccount(args.contextValue),
  }
}
