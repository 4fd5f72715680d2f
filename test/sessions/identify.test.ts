import { beforeAll, expect, it } from 'vitest'
import type { Gateway } from '../../src/gateway.ts'
import { actAs, identify } from '../../src/sessions/identify.ts'
import { aSession, aViewer, CLIENT, callerOfText, didOf } from '../support/builders.ts'
import { openUnitGateway, type UnitGateway } from '../support/unit-gateway.ts'

let gateway: UnitGateway
beforeAll(async () => {
  gateway = await openUnitGateway()
})

const request = (sessionCookie: string | null, account: string | null = null) => ({
  id: 'r1',
  authorization: null,
  sessionCookie,
  clientCookie: null,
  account,
  client: CLIENT,
})

it('finds what the token proves, and as whom the request acts', async () => {
  const { token, session } = await aViewer(gateway)
  const { caller, viewer } = await identify(gateway, request(token))
  expect(caller.client?.group.id).toBe(session.groupId)
  expect(viewer.session.id).toBe(session.id)
})

it('acts as the account that the request names', async () => {
  const { token, session } = await aViewer(gateway)
  const { groupId } = session
  const bob = await aSession({ db: gateway.stores.db, now: gateway.clock() }, { handle: 'bob.test', groupId })
  const { viewer } = await identify(gateway, request(token, didOf('bob.test')))
  expect(viewer.session.id).toBe(bob.session.id)
})

it.each([
  ['nobody', null, null, { code: 'UNAUTHENTICATED', reason: undefined }],
  ['nobody who names an account', null, didOf('alice.test'), { code: 'ACCOUNT_CHANGED' }],
])('refuses %s', async (_who, token, account, error) => {
  await expect(identify(gateway, request(token, account))).rejects.toMatchObject(error)
})

it('refuses a client whose active account has ended, and says so', async () => {
  const { token, session } = await aViewer(gateway)
  const { groupId } = session
  await aSession({ db: gateway.stores.db, now: gateway.clock() }, { handle: 'bob.test', groupId })
  await gateway.stores.db.session.delete({ where: { id: session.id } })
  const refused = { code: 'UNAUTHENTICATED', reason: 'ACCOUNT_SIGNED_OUT' }
  await expect(identify(gateway, request(token))).rejects.toMatchObject(refused)
})

it('keeps the session alive that a request acts as', async () => {
  const refreshed: string[] = []
  const grants = { ...gateway.atproto.grants, refreshSoon: (id: string) => void refreshed.push(id) }
  const noting: Gateway = { ...gateway, atproto: { ...gateway.atproto, grants } }
  const { token, session } = await aViewer(gateway, { grant: { refreshAfter: new Date(gateway.clock()) } })
  actAs(noting, await callerOfText(gateway, token), null)
  expect(refreshed).toEqual([session.grantId])
  expect(actAs(noting, null, null)).toBeNull()
})
