import { Readable } from 'node:stream'
import { JoseKey } from '@atproto/oauth-client-node'
import type { Grant, HeldGrant } from '../../src/atproto/grants/grant.ts'
import type { PdsCall } from '../../src/atproto/pds/pds-calls.ts'
import type { UpstreamRequest, UpstreamResponse } from '../../src/atproto/pds/upstreams.ts'
import { aGrant } from './builders.ts'

/** A token set that is open, with a DPoP key that signs. */
export async function aHeldGrant({
  generation = 0n,
  ...tokenSet
}: Partial<Grant['tokenSet']> & { generation?: bigint } = {}) {
  const dpopJwk = (await JoseKey.generate(['ES256'])).privateJwk as Grant['dpopJwk']
  const grant = { ...aGrant({ expires_at: new Date(Date.now() + 3_600_000).toISOString(), ...tokenSet }), dpopJwk }
  return { id: 'grant', did: grant.tokenSet.sub, generation, grant } satisfies HeldGrant
}

/** A call without a body, to `https://pds.test`. */
export function aCall(call: Partial<PdsCall> = {}): PdsCall {
  return {
    origin: 'https://pds.test',
    method: 'GET',
    path: '/xrpc/a.b.c?d=e',
    headers: {},
    body: { kind: 'kept', bytes: null },
    signal: new AbortController().signal,
    ...call,
  }
}

type Answer = { status: number; headers?: Record<string, string>; body?: string }

/** Servers that give one answer after another, and remember what they were sent. */
export function scriptedUpstreams(...answers: Answer[]) {
  const requests: UpstreamRequest[] = []
  return {
    requests,
    async request(request: UpstreamRequest): Promise<UpstreamResponse> {
      requests.push(request)
      const { status, headers = {}, body = '' } = answers.shift() ?? { status: 500 }
      const stream = Object.assign(Readable.from([Buffer.from(body)]), {
        dump: async () => null,
        text: async () => body,
      })
      return { statusCode: status, headers, body: stream } as unknown as UpstreamResponse
    },
  }
}

/** The claims of a proof. */
export function claimsOf(request: UpstreamRequest | undefined): Record<string, unknown> {
  return JSON.parse(Buffer.from(request?.headers.dpop?.split('.')[1] ?? '', 'base64url').toString())
}
