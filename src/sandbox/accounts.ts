import { avatarPng } from './avatar.ts'
import { callXrpc, XrpcError } from './xrpc.ts'

/** The password of every seeded account. */
export const SANDBOX_PASSWORD = 'sandbox-pass'

/** An account on the sandbox's PDS. */
export type SandboxAccount = { handle: string; did: string }

const SEEDS = [
  { handle: 'alice.test', displayName: 'Alice', color: [204, 68, 75] },
  { handle: 'bob.test', displayName: 'Bob', color: [38, 132, 92] },
  { handle: 'carol.test', displayName: 'Carol', color: [91, 82, 196] },
] as const

type Seed = { handle: string; displayName: string; color: Parameters<typeof avatarPng>[0] }

/** Creates the accounts that do not exist yet, with a name and an avatar. Returns all of them. */
export async function seedAccounts(pdsUrl: string): Promise<SandboxAccount[]> {
  return Promise.all(SEEDS.map((seed) => seedAccount(pdsUrl, seed)))
}

/** Creates an account that does not exist yet, with a name and an avatar. */
export async function seedAccount(pdsUrl: string, seed: Seed): Promise<SandboxAccount> {
  const { handle } = seed
  const known = await resolveHandle(pdsUrl, handle)
  if (known !== null) return { handle, did: known }
  const { did, accessJwt } = await callXrpc<{ did: string; accessJwt: string }>(pdsUrl, {
    nsid: 'com.atproto.server.createAccount',
    body: { handle, email: `${handle.replace('.test', '')}@example.com`, password: SANDBOX_PASSWORD },
  })
  await writeProfile(pdsUrl, { seed, did, token: accessJwt })
  return { handle, did }
}

async function writeProfile(pdsUrl: string, { seed, did, token }: { seed: Seed; did: string; token: string }) {
  const { blob } = await callXrpc<{ blob: unknown }>(pdsUrl, {
    nsid: 'com.atproto.repo.uploadBlob',
    body: avatarPng(seed.color),
    token,
  })
  await callXrpc(pdsUrl, {
    nsid: 'com.atproto.repo.putRecord',
    body: {
      repo: did,
      collection: 'app.bsky.actor.profile',
      rkey: 'self',
      record: { $type: 'app.bsky.actor.profile', displayName: seed.displayName, avatar: blob },
    },
    token,
  })
}

async function resolveHandle(pdsUrl: string, handle: string): Promise<string | null> {
  try {
    const { did } = await callXrpc<{ did: string }>(pdsUrl, {
      nsid: 'com.atproto.identity.resolveHandle',
      params: { handle },
    })
    return did
  } catch (error) {
    if (error instanceof XrpcError && error.status === 400) return null
    throw error
  }
}
