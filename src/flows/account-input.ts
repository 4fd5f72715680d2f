import { GatewayError } from '../platform/errors.ts'

/** What `/auth/start` was asked for: sign in to an account, or create one on a PDS. */
export type StartInput = { kind: 'login'; account: string } | { kind: 'create_account'; pdsUrl: string }

/**
 * Reads `handle` and `pds_url`, of which exactly one is to be given.
 * @throws GatewayError BAD_USER_INPUT
 */
export function parseStartInput({ handle, pdsUrl }: { handle: string | null; pdsUrl: string | null }): StartInput {
  if (handle !== null && pdsUrl === null) return { kind: 'login', account: handle.trim() }
  if (pdsUrl !== null && handle === null) return { kind: 'create_account', pdsUrl: pdsUrl.trim() }
  throw new GatewayError(
    'BAD_USER_INPUT',
    'Give either handle, to sign in, or pds_url, to create an account: exactly one of them.',
  )
}

/**
 * A PDS or entryway given as a URL.
 * @throws GatewayError BAD_USER_INPUT when it is not the origin of a server.
 */
export function parseServerUrl(text: string, { allowHttp }: { allowHttp: boolean }): string {
  const url = URL.parse(text)
  const schemeAllowed = url?.protocol === 'https:' || (allowHttp && url?.protocol === 'http:')
  if (url !== null && schemeAllowed && url.pathname === '/' && url.search === '' && url.username === '')
    return url.origin
  throw new GatewayError('BAD_USER_INPUT', 'The address of a server must look like https://pds.example.com.')
}
