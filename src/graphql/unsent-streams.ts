import { isAsyncIterable, type Plugin } from 'graphql-yoga'

/**
 * Ends a subscription whose client accepts no event stream. Yoga answers such a request with 406, and would leave the
 * subscription open.
 */
export function unsentStreamsPlugin(): Plugin {
  return {
    async onResultProcess({ result, resultProcessor }) {
      if (resultProcessor !== undefined || !isAsyncIterable(result)) return
      await result[Symbol.asyncIterator]().return?.()
    },
  }
}
