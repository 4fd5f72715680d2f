import { z } from 'zod'
import { SECOND } from '../../platform/clock.ts'
import type { Logger } from '../../platform/logger.ts'
import type { PdsCall, PdsCalls } from '../pds/pds-calls.ts'
import type { HeldGrant } from './grant.ts'
import type { GrantChange } from './grant-change.ts'
import type { GrantRows } from './rows.ts'

/** Asks the PDS whether it still serves the account of a grant. Rejects when the PDS does not say. */
export type AskAccountStatus = (held: HeldGrant) => Promise<'active' | 'deactivated'>

/**
 * A PDS goes on refreshing the grants of an account that is deactivated, suspended or taken down, but serves it
 * nothing. Only what its `getSession` says in so many words counts: a refusal has other causes too.
 */
export function createAskAccountStatus(pds: PdsCalls): AskAccountStatus {
  return async (held) => {
    const response = await pds.send({ held, replaceRefused: async () => null }, getSession(held))
    const text = await textOf(response.body)
    if (response.statusCode !== 200) throw new Error(`getSession: ${response.statusCode}`)
    return sessionResponse.parse(JSON.parse(text)).active === false ? 'deactivated' : 'active'
  }
}

/** The answer has to be there by then. */
const TIMEOUT = 10 * SECOND

function getSession({ grant: { tokenSet } }: HeldGrant): PdsCall {
  return {
    // Where the account lived when this set was granted, a moment ago.
    origin: new URL(tokenSet.aud).origin,
    method: 'GET',
    path: '/xrpc/com.atproto.server.getSession',
    headers: { accept: 'application/json' },
    body: { kind: 'kept', bytes: null },
    signal: AbortSignal.timeout(TIMEOUT),
  }
}

/** In bytes. */
const LONGEST_ANSWER = 64 * 1024

async function textOf(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of body) {
    length += chunk.length
    // Leaving the loop ends the response.
    if (length > LONGEST_ANSWER) throw new Error('getSession: the answer is too long')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

const sessionResponse = z.object({ active: z.boolean().optional() })

type Parts = {
  askAccountStatus: AskAccountStatus
  rows: Pick<GrantRows, 'markLost'>
  logger: Pick<Logger, 'info'>
  onChange(change: GrantChange): void
}

/** Gives the grant of an account up that its PDS serves no more. Never rejects. */
export async function checkAccount({ askAccountStatus, rows, logger, onChange }: Parts, held: HeldGrant) {
  try {
    if ((await askAccountStatus(held)) === 'active') return
    if (!(await rows.markLost(held, 'deactivated'))) return
    logger.info({ grantId: held.id, reason: 'deactivated' }, 'grant lost')
    onChange({ id: held.id, state: 'lost' })
  } catch (error) {
    logger.info({ err: error, grantId: held.id }, 'account not checked')
  }
}
