import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hasErrorCode } from '../platform/errors.ts'

/** A PDS on this machine. */
export type Pds = {
  url: string
  /** Makes it take every lexicon from this repository. Elsewhere DNS says from which one. */
  trustLexiconsOf(did: string): void
  /** Makes it fetch a lexicon at its next use, although it has looked just now. */
  lookAgainFor(nsid: string): Promise<void>
  /** Deletes its copy of a lexicon. */
  forgetLexicon(nsid: string): Promise<void>
  close(): Promise<void>
}

type Options = {
  port: number
  directoryUrl: string
  /** Keeps the accounts between runs. Without it they are deleted on close. */
  dataDir?: string
}

/** Secrets that a PDS must keep: without them it cannot use the accounts in its data folder. All in hex. */
type Secrets = { rotationKey: string; jwtSecret: string; adminPassword: string }

/** In bytes, as the PDS hosts that take videos have it. */
const LARGEST_BLOB = 100 * 1024 * 1024

/** Starts the real PDS, with its own OAuth pages. It connects to the directory only. */
export async function startPds({ port, directoryUrl, dataDir }: Options): Promise<Pds> {
  // The package reads this when it is loaded.
  process.env.LOG_ENABLED ??= 'false'
  const { PDS } = await import('@atproto/pds')
  const folder = dataDir ?? (await mkdtemp(join(tmpdir(), 'atgate-pds-')))
  await mkdir(join(folder, 'data'), { recursive: true, mode: 0o700 })
  const removeTemporary = async () => {
    if (dataDir === undefined) await rm(folder, { recursive: true, force: true })
  }
  try {
    const { rotationKey, jwtSecret, adminPassword } = await loadSecrets(join(folder, 'secrets.json'))
    const pds = await PDS.fromEnv({
      devMode: true,
      port,
      hostname: 'localhost',
      serviceName: 'Sandbox PDS',
      serviceHandleDomains: ['.test'],
      dataDirectory: join(folder, 'data'),
      blobstoreDiskLocation: join(folder, 'blobs'),
      blobUploadLimit: LARGEST_BLOB,
      plcRotationKeyK256PrivateKeyHex: rotationKey,
      jwtSecret,
      adminPassword,
      didPlcUrl: directoryUrl,
      inviteRequired: false,
      disableSsrfProtection: true,
      // The PDS requires an AppView. Nothing ever calls this one.
      bskyAppViewUrl: 'https://appview.invalid',
      bskyAppViewDid: 'did:example:invalid',
    })
    await pds.start()
    const { db } = pds.ctx.accountManager.db
    return {
      url: `http://localhost:${port}`,
      trustLexiconsOf(did) {
        pds.ctx.cfg.lexicon.didAuthority = did as `did:${string}:${string}`
      },
      async lookAgainFor(nsid) {
        const updatedAt = '1970-01-01T00:00:00.000Z'
        await db.updateTable('lexicon').set({ updatedAt }).where('nsid', '=', nsid).execute()
      },
      async forgetLexicon(nsid) {
        await db.deleteFrom('lexicon').where('nsid', '=', nsid).execute()
      },
      async close() {
        await pds.destroy()
        await removeTemporary()
      },
    }
  } catch (error) {
    await removeTemporary()
    throw error
  }
}

/** Reads the secrets, and generates them at the first start. */
async function loadSecrets(file: string): Promise<Secrets> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Secrets
  } catch (error) {
    if (!hasErrorCode(error, 'ENOENT')) throw error
  }
  const { Secp256k1Keypair } = await import('@atproto/crypto')
  const rotationKey = await Secp256k1Keypair.create({ exportable: true })
  const secrets = {
    rotationKey: Buffer.from(await rotationKey.export()).toString('hex'),
    jwtSecret: randomBytes(32).toString('hex'),
    adminPassword: randomBytes(16).toString('hex'),
  }
  await writeFile(file, JSON.stringify(secrets), { mode: 0o600 })
  return secrets
}
