import { SANDBOX_PASSWORD, seedAccount } from './accounts.ts'
import type { Pds } from './pds.ts'
import { callXrpc, XrpcError } from './xrpc.ts'

/** The account whose repository publishes every permission set of the network, as a PDS without DNS has to be told. */
const PUBLISHER = 'publisher.test'

/** A permission set to publish: the main definition of its lexicon, without its type. */
export type PublishedPermissionSet = { title?: string; detail?: string; permissions: readonly object[] }

/** Publishes permission sets. The PDS looks again at its next use of one, and not after its usual five minutes. */
export interface Publisher {
  readonly did: string
  publish(nsid: string, set: PublishedPermissionSet): Promise<void>
  /** Takes a set back. The PDS goes on with the copy that it has, if it has one. */
  withdraw(nsid: string): Promise<void>
  /** Makes the PDS forget its copy of a set, as if it had never seen it. */
  forget(nsid: string): Promise<void>
}

/** A permission set to try the gateway with. */
export const SAMPLE_SET = 'app.example.authFull'

const SAMPLE: PublishedPermissionSet = {
  title: 'Your notes in the example app',
  detail: 'Write, change and delete notes and tags, and search in them.',
  permissions: [
    { resource: 'repo', collection: ['app.example.note', 'app.example.tag'] },
    { resource: 'rpc', lxm: ['app.example.searchNotes'], aud: '*' },
  ],
}

const COLLECTION = 'com.atproto.lexicon.schema'

/** Creates the publisher's account if there is none, makes the PDS trust it, and publishes the sample. */
export async function startPublisher(pds: Pds): Promise<Publisher> {
  const { did } = await seedAccount(pds.url, { handle: PUBLISHER, displayName: 'Publisher', color: [120, 120, 120] })
  pds.trustLexiconsOf(did)

  async function write(method: 'putRecord' | 'deleteRecord', nsid: string, body: object): Promise<void> {
    const { accessJwt: token } = await callXrpc<{ accessJwt: string }>(pds.url, {
      nsid: 'com.atproto.server.createSession',
      body: { identifier: PUBLISHER, password: SANDBOX_PASSWORD },
    })
    const record = { repo: did, collection: COLLECTION, rkey: nsid, ...body }
    await callXrpc(pds.url, { nsid: `com.atproto.repo.${method}`, body: record, token })
    await pds.lookAgainFor(nsid)
  }

  const publisher: Publisher = {
    did,
    publish(nsid, set) {
      const permissions = set.permissions.map((permission) => ({ type: 'permission', ...permission }))
      const main = { type: 'permission-set', ...set, permissions }
      return write('putRecord', nsid, { record: { $type: COLLECTION, lexicon: 1, id: nsid, defs: { main } } })
    },
    withdraw: (nsid) => write('deleteRecord', nsid, {}),
    forget: (nsid) => pds.forgetLexicon(nsid),
  }
  if (!(await isPublished(pds, did))) await publisher.publish(SAMPLE_SET, SAMPLE)
  return publisher
}

async function isPublished(pds: Pds, did: string): Promise<boolean> {
  try {
    const params = { repo: did, collection: COLLECTION, rkey: SAMPLE_SET }
    await callXrpc(pds.url, { nsid: 'com.atproto.repo.getRecord', params })
    return true
  } catch (error) {
    if (error instanceof XrpcError && error.status === 400) return false
    throw error
  }
}
