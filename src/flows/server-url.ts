import { GatewayError } from '../platform/errors.ts'

/**
 * Reads the URL of a PDS or entryway.
 * @throws GatewayError BAD_USER_INPUT when it is not the origin of a server
 */
export function parseServerUrl(text: string, { allowHttp }: { allowHttp: boolean }): string {
  const url = URL.parse(text.trim())
  const schemeAllowed = url?.protocol === 'https:' || (allowHttp && url?.protocol === 'http:')
  if (url !== null && schemeAllowed && url.pathname === '/' && url.search === '' && url.username === '')
    return url.origin
  throw new GatewayError('BAD_USER_INPUT', 'The address of a server must look like https://pds.example.com.')
}
