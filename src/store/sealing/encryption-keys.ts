import { randomBytes, randomUUID } from 'node:crypto'
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type EncryptionKey, encryptionKeys } from '../../config/fields.ts'

/**
 * The keys kept in `dataDir`, made at the first start. For the embedded stores only: with a database of its own,
 * a key beside the data it protects would protect nothing.
 */
export async function keptEncryptionKeys(dataDir: string): Promise<readonly EncryptionKey[]> {
  const file = join(dataDir, 'encryption-keys')
  const text = (await readIfThere(file)) ?? (await makeOnce(file, dataDir))
  const parsed = encryptionKeys.safeParse(text.trim())
  if (!parsed.success) throw new Error(`${file} is damaged: ${parsed.error.issues[0]?.message}`)
  return parsed.data
}

/** Written aside and linked into place: of two starts at once one key wins, and a crash leaves no half of one. */
async function makeOnce(file: string, dataDir: string): Promise<string> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  const aside = `${file}.${randomUUID()}`
  await writeFile(aside, `k1:${randomBytes(32).toString('base64url')}\n`, { mode: 0o600 })
  try {
    await link(aside, file)
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error
  } finally {
    await rm(aside, { force: true })
  }
  return readFile(file, 'utf8')
}

async function readIfThere(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null
    throw error
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
