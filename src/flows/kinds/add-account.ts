import { z } from 'zod'
import type { Gateway } from '../../gateway.ts'
import { GatewayError } from '../../platform/errors.ts'
import { type Client, reachedAccount } from '../../sessions/client.ts'
import { isReplaced } from '../../sessions/lifetime.ts'
import { MAX_ACCOUNTS } from '../../sessions/list.ts'
import { type Admission, type Admitted, auditAdmission, mint, NotAdmitted, requireExistingGroup } from '../admission.ts'
import { clientSession } from '../client-session.ts'
import { defineFlow } from '../flow-definition.ts'
import { type Starter, starterSchema } from '../starter.ts'

/** `handle`: the handle or DID of the account to add. */
export type AddAccountRequest = { client: Client; handle: string }

const purposeSchema = z.object({ starter: starterSchema, begunAt: z.coerce.date() })

type Purpose = z.output<typeof purposeSchema>

/**
 * Links another account to the client's session group. One whose grant was lost gets a new session in the place of the
 * old one.
 * @throws GatewayError from `start`: INVALID_HANDLE, HANDLE_NOT_FOUND, ALREADY_LINKED, BAD_USER_INPUT when the client
 *   has as many accounts as it may have, SERVICE_UNAVAILABLE
 */
export const addAccount = defineFlow({
  kind: 'add_account',
  purpose: purposeSchema,
  // The server asks for the password again even where it knows the browser: who holds a cookie is not whose account it
  // is.
  prompt: 'login',
  outcome: { account_added: 'true' },
  welcomesNewcomers: false,
  staysInGroup: true,
  async start(gateway, { client, handle }: AddAccountRequest) {
    const starter = { groupId: client.group.id, did: null }
    const { input, did } = await gateway.atproto.identities.find(handle)
    refuseLinkedAccount(client, { input, did })
    await refuseTooMany(gateway, starter, did)
    const begunAt = new Date(gateway.runtime.clock())
    return { input, scopes: gateway.config.oauth.requiredScopes, account: did, purpose: { starter, begunAt } }
  },
  starter: ({ starter }) => starter,
  session: (_purpose, context) => clientSession(context),
  admit: admitBesideOthers,
})

/** An account whose grant was lost may be added again, which replaces its session. */
function refuseLinkedAccount(client: Client, { input, did }: { input: string; did: string }): void {
  if (reachedAccount(client, did)?.grant.state !== 'ok') return
  throw new GatewayError('ALREADY_LINKED', `${input} is signed in here already. Switch to it.`)
}

async function refuseTooMany({ stores, runtime }: Gateway, { groupId }: Starter, did: string): Promise<void> {
  if (await hasRoom(stores.db, { groupId, did, now: new Date(runtime.clock()) })) return
  throw new GatewayError(
    'BAD_USER_INPUT',
    `At most ${MAX_ACCOUNTS} accounts can be signed in side by side. Sign one of them out first.`,
  )
}

/** Counts the accounts that this token does not reach, too: they are not told, but they take space. */
async function hasRoom(
  db: Pick<Admission['rows']['tx'], 'session'>,
  { groupId, did, now }: { groupId: string; did: string; now: Date },
): Promise<boolean> {
  const where = { groupId, did: { not: did }, expiresAt: { gt: now } }
  const others = await db.session.findMany({ where, distinct: ['did'], select: { did: true } })
  return others.length < MAX_ACCOUNTS
}

/** The account becomes the active one, and takes the place of an older session of its own, at the token's first use. */
async function admitBesideOthers(admission: Admission, purpose: Purpose): Promise<Admitted> {
  const { rows, session, now } = admission
  const { groupId } = purpose.starter
  const { did } = session
  requireExistingGroup(admission, groupId)
  await requireNewestToken(admission, purpose)
  if (!(await hasRoom(rows.tx, { groupId, did, now }))) throw new NotAdmitted('the group has no room')
  const twin = await rows.tx.session.findFirst({ where: { groupId, did }, orderBy: { linkedAt: 'asc' } })
  await auditAdmission(admission, 'account_added')
  const joined = await rows.join(session, { groupId, linkedAt: twin?.linkedAt ?? now, now })
  const token = await mint(admission, joined, { replacesGroupId: null, activatesDid: did })
  return { sessionId: session.id, token, isActive: true }
}

/**
 * A client that holds a copy of an older token, or began with it, must not get a token that reaches the accounts that
 * were added since. A client that shows no token may finish as long as no other was added.
 */
async function requireNewestToken({ rows, shown }: Admission, { starter, begunAt }: Purpose): Promise<void> {
  const { groupId } = starter
  const isOld =
    shown?.group.id === groupId
      ? isReplaced(shown.token)
      : (await rows.tx.clientToken.count({ where: { groupId, mintedAt: { gt: begunAt } } })) > 0
  if (isOld) throw new NotAdmitted('a newer token of the group is in use')
}
