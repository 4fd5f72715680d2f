import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { SANDBOX_PASSWORD } from '../../src/sandbox/accounts.ts'
import { startDirectory } from '../../src/sandbox/directory.ts'
import { startNetwork } from '../../src/sandbox/network.ts'
import { SAMPLE_SET } from '../../src/sandbox/publisher.ts'
import { callXrpc } from '../../src/sandbox/xrpc.ts'
import { freePort } from '../support/free-port.ts'

let dataDir: string
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'atgate-network-'))
})
afterEach(() => rm(dataDir, { recursive: true }))

const ports = async () => ({ plcPort: await freePort(), pdsPort: await freePort() })

it('keeps accounts and identities between runs, past a line that a crash tore', async () => {
  const steps: string[] = []
  const first = await startNetwork({ ...(await ports()), dataDir, onProgress: (step) => steps.push(step) })
  expect(steps).toHaveLength(3)
  expect(first.accounts.map(({ handle }) => handle)).toEqual(['alice.test', 'bob.test', 'carol.test'])
  await first.close()
  await appendFile(join(dataDir, 'directory.jsonl'), '["did:plc:torn",{"type":"plc_op')

  const second = await startNetwork({ ...(await ports()), dataDir })
  expect(second.accounts).toEqual(first.accounts)
  expect(second.publisher.did).toBe(first.publisher.did)
  const did = second.accounts[0]?.did ?? ''
  const document = await (await fetch(`${second.plcUrl}/${did}`)).json()
  expect(document).toMatchObject({ id: did, alsoKnownAs: ['at://alice.test'] })
  const session = await callXrpc<{ did: string }>(second.pdsUrl, {
    nsid: 'com.atproto.server.createSession',
    body: { identifier: 'alice.test', password: SANDBOX_PASSWORD },
  })
  expect(session.did).toBe(did)
  await second.close()
}, 60_000)

it('publishes permission sets, from an account of their own', async () => {
  const network = await startNetwork(await ports())
  const { publisher } = network
  const record = async (rkey: string) => {
    const params = { repo: publisher.did, collection: 'com.atproto.lexicon.schema', rkey }
    const nsid = 'com.atproto.repo.getRecord'
    return (await callXrpc<{ value: { id: string; defs: { main: object } } }>(network.pdsUrl, { nsid, params })).value
  }
  expect(await record(SAMPLE_SET)).toMatchObject({ id: SAMPLE_SET, defs: { main: { type: 'permission-set' } } })
  const permissions = [{ resource: 'repo', collection: ['app.example.note'] }]
  await publisher.publish('app.example.authNotes', { title: 'Notes', permissions })
  expect((await record('app.example.authNotes')).defs.main).toMatchObject({ title: 'Notes' })
  await publisher.withdraw('app.example.authNotes')
  await expect(record('app.example.authNotes')).rejects.toMatchObject({ status: 400 })
  await network.close()
}, 60_000)

it('gives its accounts a name and a picture', async () => {
  const network = await startNetwork(await ports())
  const [alice] = network.accounts
  const { value } = await callXrpc<{ value: { displayName: string; avatar: { ref: { $link: string } } } }>(
    network.pdsUrl,
    {
      nsid: 'com.atproto.repo.getRecord',
      params: { repo: alice?.did ?? '', collection: 'app.bsky.actor.profile', rkey: 'self' },
    },
  )
  expect(value.displayName).toBe('Alice')
  const query = new URLSearchParams({ did: alice?.did ?? '', cid: value.avatar.ref.$link })
  const picture = await fetch(`${network.pdsUrl}/xrpc/com.atproto.sync.getBlob?${query}`)
  expect(
    Buffer.from(await picture.arrayBuffer())
      .subarray(1, 4)
      .toString(),
  ).toBe('PNG')
  await network.close()
}, 60_000)

it('says which setting to change when a port is taken, and leaves nothing running', async () => {
  const { plcPort, pdsPort } = await ports()
  const other = createServer().listen(pdsPort)
  await expect(startNetwork({ plcPort, pdsPort, dataDir })).rejects.toThrow(/Port \d+ is taken. Set SANDBOX_PDS_PORT/)
  other.close()
  const directory = await startDirectory({ port: plcPort })
  await directory.close()
})

it('writes an operation down before it is acknowledged', async () => {
  const journal = join(dataDir, 'journal.jsonl')
  const network = await startNetwork({ ...(await ports()), dataDir })
  await network.close()
  expect((await readFile(join(dataDir, 'directory.jsonl'), 'utf8')).trim().split('\n')).toHaveLength(4)
  const directory = await startDirectory({ port: 0, journal })
  expect((await fetch(`${directory.url}/did:plc:aaaaaaaaaaaaaaaaaaaaaaaa`)).status).toBe(404)
  await directory.close()
}, 60_000)
