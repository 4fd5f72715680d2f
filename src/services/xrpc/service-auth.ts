import { isValidNsid } from '@atproto/syntax'
import { MINUTE } from '../../platform/clock.ts'
import { GatewayError } from '../../platform/errors.ts'

const METHOD = 'com.atproto.server.getServiceAuth'

type Call = {
  nsid: string
  /** The query as it was sent, with its question mark. */
  search: string
  /** The setting SERVICE_AUTH_AUDIENCES. */
  audiences: readonly string[]
  now: number
}

/**
 * Lets page script have service tokens only for what the operator has named: for one method of a listed audience, for a
 * minute. A script that runs in a page of ours for a moment must not take a token away that works elsewhere and later.
 * @throws GatewayError FORBIDDEN
 */
export function boundServiceAuth({ nsid, search, audiences, now }: Call): void {
  if (nsid !== METHOD) return
  const params = new URLSearchParams(search)
  // Each once and nothing else: so that no server can read the query in another way.
  const names = [...params.keys()]
  if (new Set(names).size !== names.length || names.some((name) => !['aud', 'lxm', 'exp'].includes(name))) {
    throw refused('takes aud, lxm and exp, once each')
  }
  if (!audiences.includes(params.get('aud') ?? '')) throw refused('gives tokens for SERVICE_AUTH_AUDIENCES only')
  if (!isValidNsid(params.get('lxm') ?? '')) throw refused('needs lxm, the one method that the token is for')
  if (params.has('exp') && !isWithinMinute(params.get('exp') ?? '', now)) {
    throw refused('gives tokens for 60 seconds at most; leave exp out')
  }
}

/** @param exp in seconds since the epoch, as in the token (RFC 7519 §4.1.4) */
function isWithinMinute(exp: string, now: number): boolean {
  return /^[1-9]\d{0,11}$/.test(exp) && Number(exp) * 1000 <= now + MINUTE
}

function refused(rule: string): GatewayError {
  return new GatewayError('FORBIDDEN', `In a browser, ${METHOD} ${rule}. Use a developer token or an SDK session.`)
}
