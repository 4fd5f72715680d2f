import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Secp256k1Keypair } from '@atproto/crypto'
import { Client as PlcClient } from '@did-plc/lib'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { SANDBOX_PASSWORD } from '../../src/sandbox/accounts.ts'
import { type Network, startNetwork } from '../../src/sandbox/network.ts'
import { type Pds, startPds } from '../../src/sandbox/pds.ts'
import { callXrpc } from '../../src/sandbox/xrpc.ts'
import { currentUserOf } from '../support/flows.ts'
import { freePort } from '../support/free-port.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { askAuthorizationServer, openGrant } from '../support/grants.ts'
import { createHttpBrowser, type HttpBrowser } from '../support/http-browser.ts'
import { authorize, followCallback, signIn } from '../support/sign-in.ts'
import { ageGrant } from '../support/stored-grants.ts'
import { describeGateway } from '../support/suite.ts'
import { countRows, eventually } from '../support/tables.ts'

const HOUR = 60 * 60 * 1000

// A network of its own: what happens to these accounts is not to happen to those of the other suites.
describeGateway('an identity that changes', () => {
  let folder: string
  let network: Network
  let atgate: TestGateway
  let browser: HttpBrowser

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'atgate-identity-'))
    network = await startNetwork({ plcPort: await freePort(), pdsPort: await freePort(), dataDir: folder })
    atgate = await startGateway({ PLC_DIRECTORY_URL: network.plcUrl, HANDLE_RESOLVER_URL: network.pdsUrl })
  })
  afterAll(async () => {
    await atgate.close()
    await rm(folder, { recursive: true })
  })
  beforeEach(() => {
    browser = createHttpBrowser(atgate.url)
  })

  async function tokenOf(identifier: string): Promise<string> {
    const body = { identifier, password: SANDBOX_PASSWORD }
    const nsid = 'com.atproto.server.createSession'
    return (await callXrpc<{ accessJwt: string }>(network.pdsUrl, { nsid, body })).accessJwt
  }

  const needsReauthentication = async () => (await currentUserOf(browser))?.session.needsReauthentication

  const reason = async () => (await currentUserOf(browser))?.session.reauthenticationReason

  /** Uses the session after an hour without use, and waits until the gateway has looked at its grant. */
  async function useAfterAnHour(lost: boolean): Promise<void> {
    const { db } = atgate.gateway.stores
    for (const { id } of await db.grant.findMany()) await ageGrant(db, id, HOUR)
    const before = await db.grant.findMany()
    await currentUserOf(browser)
    await eventually(async () => {
      const after = await db.grant.findMany()
      return after.some((row) => before.every((each) => each.updatedAt < row.updatedAt))
    }, 'the grant was looked at')
    if (lost) await eventually(async () => (await needsReauthentication()) === true, 'the session says so')
    else expect(await needsReauthentication()).toBe(false)
  }

  it('to another handle is seen within a day, and at the next sign-in', async () => {
    const { account } = await signIn(browser, 'bob.test')
    const token = await tokenOf('bob.test')
    await callXrpc(network.pdsUrl, {
      nsid: 'com.atproto.identity.updateHandle',
      body: { handle: 'robert.test' },
      token,
    }).catch(ignoreEmptyBody)
    await useAfterAnHour(false)
    expect((await currentUserOf(browser))?.handle).toBe('bob.test')
    // A day later.
    const { db } = atgate.gateway.stores
    await db.account.update({ where: { did: account.did }, data: { lookUpAfter: new Date(atgate.stores.clock()) } })
    await eventually(async () => (await currentUserOf(browser))?.handle === 'robert.test', 'the new handle is shown')
    await signIn(browser, 'robert.test')
    expect(await currentUserOf(browser)).toMatchObject({ did: account.did, handle: 'robert.test' })
  })

  it('a grant that was revoked at the PDS: the session says so, and signing in again restores it', async () => {
    const { session } = await signIn(browser, 'alice.test')
    const { grantId } = await atgate.gateway.stores.db.session.findUniqueOrThrow({ where: { id: session.id } })
    await (await askAuthorizationServer(atgate.gateway, await openGrant(atgate.gateway, grantId))).revoke()
    await useAfterAnHour(true)
    expect((await currentUserOf(browser))?.handle).toBe('alice.test')
    expect(await reason()).toBe('REFUSED')
    await signIn(browser, 'alice.test')
    expect(await needsReauthentication()).toBe(false)
  })

  it('a deactivated account: the session says so, until it is active again and has signed in again', async () => {
    await signIn(browser, 'carol.test')
    const token = await tokenOf('carol.test')
    await callXrpc(network.pdsUrl, { nsid: 'com.atproto.server.deactivateAccount', body: {}, token }).catch(
      ignoreEmptyBody,
    )
    await useAfterAnHour(true)
    expect(await reason()).toBe('DEACTIVATED')
    // This one insists on having no body at all.
    const activate = `${network.pdsUrl}/xrpc/com.atproto.server.activateAccount`
    await fetch(activate, { method: 'POST', headers: { authorization: `Bearer ${token}` } })
    await signIn(browser, 'carol.test')
    expect(await needsReauthentication()).toBe(false)
  })

  it('an account that moved to another PDS: the session says so, and nothing is shown for another account', async () => {
    const { account } = await signIn(browser, 'alice.test')
    const elsewhere: Pds = await startPds({ port: await freePort(), directoryUrl: network.plcUrl })
    const secrets = JSON.parse(await readFile(join(folder, 'pds', 'secrets.json'), 'utf8')) as { rotationKey: string }
    const rotationKey = await Secp256k1Keypair.import(secrets.rotationKey)
    await new PlcClient(network.plcUrl).updatePds(account.did, rotationKey, elsewhere.url)
    await useAfterAnHour(true)
    expect((await currentUserOf(browser))?.did).toBe(account.did)
    expect(await reason()).toBe('MOVED')

    await new PlcClient(network.plcUrl).updatePds(account.did, rotationKey, network.pdsUrl)
    await signIn(browser, 'alice.test')
    expect(await needsReauthentication()).toBe(false)
    await elsewhere.close()
  })

  // The last: it stops the network.
  it('a server that goes away between the consent and the callback: upstream_unavailable, and nothing has changed', async () => {
    await signIn(browser, 'carol.test')
    const callback = await authorize(browser, 'carol.test')
    const { db } = atgate.gateway.stores
    const before = await countRows(db)
    await network.close()
    const outcome = (await followCallback(browser, callback)).searchParams
    expect(Object.fromEntries(outcome)).toEqual({ auth_error: 'upstream_unavailable', auth_error_flow: 'login' })
    expect(await countRows(db)).toEqual(before)

    // Nor is a grant lost that cannot be refreshed now.
    const { id } = (await currentUserOf(browser))?.session ?? { id: '' }
    const { grantId } = await db.session.findUniqueOrThrow({ where: { id } })
    await ageGrant(db, grantId, HOUR)
    await expect(atgate.gateway.atproto.grants.hold(grantId)).rejects.toMatchObject({ code: 'PDS_UNAVAILABLE' })
    expect(await needsReauthentication()).toBe(false)
  })
})

/** These procedures answer with nothing at all, which is no JSON. */
function ignoreEmptyBody(error: unknown): void {
  if (!(error instanceof SyntaxError)) throw error
}
