import {
  AtprotoHandleResolverNode,
  CachedHandleResolver,
  DidCacheMemory,
  DidError,
  type DidResolver,
  DidResolverCached,
  DidResolverCommon,
  extractPdsUrl,
  type Fetch,
  type HandleResolver,
  isAtprotoDid,
} from '@atproto/oauth-client-node'
import { ensureValidHandle, InvalidHandleError, normalizeHandle } from '@atproto/syntax'
import {
  AtprotoIdentityResolver,
  IdentityResolverError,
  type IdentityResolver as LibraryResolver,
} from '@atproto-labs/identity-resolver'
import type { Config } from '../config/config.ts'
import { MINUTE } from '../platform/clock.ts'
import { GatewayError } from '../platform/errors.ts'
import { createHandleService } from './handle-service.ts'
import { createPdsLocations } from './pds-locations.ts'
import { createSafeFetch } from './safe-fetch.ts'

export type IdentityResolver = LibraryResolver

/** Who an account is and where it lives, by its DID document. */
export type Identity = { did: string; handle: string; pdsUrl: string }

/** Looks accounts up. */
export interface Identities {
  readonly resolver: IdentityResolver
  /** Resolves DIDs to their documents, which it keeps for ten minutes. */
  readonly documents: DidResolver<'plc' | 'web'>
  /**
   * Checks what a person typed and finds the account: a handle (with or without an `@` before it) or a DID.
   * @returns `input`: what to begin an authorization with, normalized; `did`: whose it is
   * @throws GatewayError INVALID_HANDLE, HANDLE_NOT_FOUND, SERVICE_UNAVAILABLE
   */
  find(input: string): Promise<{ input: string; did: string }>
  /**
   * The account's identity as it is now, past every cache.
   * @throws GatewayError HANDLE_NOT_FOUND, SERVICE_UNAVAILABLE
   */
  lookUp(did: string): Promise<Identity>
  /**
   * The origin of the account's PDS, by a DID document that was read within the last ten minutes, or just `now`.
   * @throws GatewayError HANDLE_NOT_FOUND, SERVICE_UNAVAILABLE
   */
  pdsOf(did: string, howOld?: 'now'): Promise<string>
}

/** A document says which server is the authority over an account, so it is not believed for long. */
const DOCUMENTS_KEPT = 10 * MINUTE

export function createIdentities(config: Config): Identities {
  const { allowInsecurePds, plcDirectoryUrl, handleResolverUrl } = config.oauth
  const fetch = createSafeFetch({ allowInsecure: allowInsecurePds })
  // Addresses that the operator has chosen may be on http and in a private network.
  const trustedFetch = createSafeFetch({ allowInsecure: true })
  const directory = plcDirectoryUrl === null ? null : new URL(plcDirectoryUrl).origin
  const didDocuments = new DidCacheMemory({ ttl: DOCUMENTS_KEPT, ttlAutopurge: false })
  const didResolver = new DidResolverCached(
    new DidResolverCommon({
      fetch: (input, init) => (originOf(input) === directory ? trustedFetch : fetch)(input, init),
      allowHttp: allowInsecurePds,
      ...(plcDirectoryUrl === null ? {} : { plcDirectoryUrl }),
    }),
    didDocuments,
  )
  const handleResolver: HandleResolver = new CachedHandleResolver(
    handleResolverUrl === null ? new AtprotoHandleResolverNode() : createHandleService(handleResolverUrl, trustedFetch),
  )
  const resolver = new AtprotoIdentityResolver(didResolver, handleResolver)
  const locations = createPdsLocations({
    async read(did) {
      // The same check as in the library: anything else is no account.
      if (!isAtprotoDid(did)) throw handleNotFound(did)
      return extractPdsUrl(await didResolver.resolve(did, { noCache: true })).origin
    },
  })

  return {
    resolver,
    documents: didResolver,

    async pdsOf(did, howOld) {
      try {
        return await locations[howOld ?? 'of'](did)
      } catch (error) {
        throw asLookUpError(error, did)
      }
    },

    async find(input) {
      const account = parseAccountInput(input)
      try {
        // Past the caches, which it fills: an account that has just moved to another server is sent to the right
        // one.
        const fresh = { noCache: true }
        const did = isAtprotoDid(account) ? account : await handleResolver.resolve(account, fresh)
        if (did === null) throw handleNotFound(account)
        await resolver.resolve(did, fresh)
        await resolver.resolve(account)
        return { input: account, did }
      } catch (error) {
        throw asLookUpError(error, account)
      }
    },

    async lookUp(did) {
      try {
        const { handle, didDoc } = await resolver.resolve(did, { noCache: true })
        return { did, handle, pdsUrl: extractPdsUrl(didDoc).origin }
      } catch (error) {
        throw asLookUpError(error, did)
      }
    },
  }
}

function originOf(input: Parameters<Fetch>[0]): string {
  return new URL(input instanceof Request ? input.url : input).origin
}

/**
 * A DID or a normalized handle. Copied handles often have an `@`, spaces or invisible marks around them; never inside.
 */
function parseAccountInput(input: string): string {
  const text = trimmed(trimmed(input).replace(/^@/, ''))
  if (isAtprotoDid(text)) return text
  try {
    ensureValidHandle(text)
    return normalizeHandle(text)
  } catch (error) {
    if (!(error instanceof InvalidHandleError)) throw error
    throw new GatewayError(
      'INVALID_HANDLE',
      `${quoted(input)} is not a handle. A handle looks like alice.example.com.`,
      {
        cause: error,
      },
    )
  }
}

function asLookUpError(error: unknown, account: string): unknown {
  if (error instanceof GatewayError) return error
  const unknownDid = error instanceof DidError && (error.status === 404 || error.status === 410)
  if (unknownDid || error instanceof IdentityResolverError) return handleNotFound(account, error)
  return new GatewayError('SERVICE_UNAVAILABLE', `${account} cannot be looked up right now. Try again in a moment.`, {
    cause: error,
  })
}

function handleNotFound(account: string, cause?: unknown): GatewayError {
  return new GatewayError('HANDLE_NOT_FOUND', `No account was found for ${account}. Check the spelling.`, { cause })
}

/** Removes white space, and invisible marks that come along when text is copied, from both ends. */
function trimmed(text: string): string {
  return text.replace(/^[\s\p{Cf}]+|[\s\p{Cf}]+$/gu, '')
}

/**
 * Bad input repeated in a message: short, visibly a quotation, and without characters that hide or reorder the others.
 */
function quoted(input: string): string {
  const short = input.length > 80 ? `${input.slice(0, 80)}…` : input
  return JSON.stringify(short.toWellFormed().replace(/\p{C}/gu, '\ufffd'))
}
