import { z } from 'zod'
import type { Gateway } from '../../gateway.ts'
import { GatewayError } from '../../platform/errors.ts'
import { linkedSessions } from '../../sessions/group.ts'
import type { SessionToken } from '../../sessions/token.ts'
import type { Viewer } from '../../sessions/viewer.ts'
import { type Admission, auditAdmission, requireExistingGroup } from '../admission.ts'
import { clientSession } from '../client-session.ts'
import { defineFlow } from '../flow-definition.ts'
import { type Starter, starterOf, starterSchema } from '../starter.ts'

/** `handle`: the handle or DID of the account to add. */
export type AddAccountRequest = { viewer: Viewer; handle: string }

/**
 * Links another account to the viewer's session group. One whose grant was lost gets a new session in the place of the
 * old one.
 * @throws GatewayError from `start`: INVALID_HANDLE, HANDLE_NOT_FOUND, ALREADY_LINKED, FORBIDDEN, SERVICE_UNAVAILABLE
 */
export const addAccount = defineFlow({
  kind: 'add_account',
  purpose: z.object({ starter: starterSchema }),
  // The server asks for the password again even where it knows the browser: who holds a cookie is not whose account it
  // is.
  prompt: 'login',
  outcome: { account_added: 'true' },
  welcomesNewcomers: false,
  announces: 'ACCOUNT_ADDED',
  async start(gateway, { viewer, handle }: AddAccountRequest) {
    const starter = starterOf(viewer)
    const { input, did } = await gateway.atproto.identities.find(handle)
    await refuseLinkedAccount(gateway, starter, { input, did })
    return { input, scopes: gateway.config.oauth.requiredScopes, account: did, purpose: { starter } }
  },
  starter: ({ starter }) => starter,
  session: (_purpose, context) => clientSession(context),
  admit: (admission, { starter }) => admitBesideOthers(admission, starter),
})

/** An account whose grant was lost may be added again, which replaces its session. */
async function refuseLinkedAccount(
  { stores, runtime }: Gateway,
  { groupId }: Starter,
  { input, did }: { input: string; did: string },
): Promise<void> {
  const linked = await stores.db.session.findFirst({
    where: { AND: [linkedSessions(groupId, new Date(runtime.clock())), { did }] },
    select: { grant: { select: { state: true } } },
  })
  if (linked?.grant.state !== 'ok') return
  throw new GatewayError('ALREADY_LINKED', `${input} is signed in here already. Switch to it.`)
}

/** Adding an account that is linked already replaces its session: a group never has two sessions of one account. */
async function admitBesideOthers(admission: Admission, { groupId }: Starter): Promise<SessionToken | null> {
  const { rows, session, presented, binding, now } = admission
  requireExistingGroup(admission, groupId)
  const active = await rows.tx.session.findFirst({ where: { groupId, isActive: true } })
  const twin = await rows.tx.session.findFirst({ where: { groupId, did: session.did } })
  if (twin !== null) await rows.end({ id: twin.id }, { keepGroup: true })
  await auditAdmission(admission, 'account_added', session)
  const joined = await rows.join(session, { groupId, linkedAt: twin?.linkedAt ?? now, now })
  // The cookie must end up with the active session. When another tab has just changed which that is, the responses may
  // reach the browser in any order: so the account is linked, and switching to it is left to the user.
  const isPresented = active === null || active.id === presented?.id || active.id === twin?.id
  return binding.kind === 'challenge' || isPresented ? rows.activate(joined, now) : null
}
