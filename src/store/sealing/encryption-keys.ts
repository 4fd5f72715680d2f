import { randomBytes, randomUUID } from 'node:crypto'
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type EncryptionKey, encryptionKeys } from '../../config/key-fields.ts'
import { hasErrorCode } from '../../platform/errors.ts'
import { StartError } from '../../platform/start-error.ts'

/**
 * Reads the keys in `dataDir`, and generates them at the first start. For the embedded database only, whose data is in
 * the same directory: with a database server, the operator keeps the keys apart from the data.
 */
export async function loadEncryptionKeys(dataDir: string): Promise<readonly EncryptionKey[]> {
  const file = join(dataDir, 'encryption-keys')
  const text = (await readIfExists(file)) ?? (await generateOnce(file, dataDir))
  const parsed = encryptionKeys.safeParse(text.trim())
  if (!parsed.success) throw new StartError(`${file} is damaged: ${parsed.error.issues[0]?.message}`)
  return parsed.data
}

/**
 * Writes a temporary file and links it into place: of two concurrent starts one wins, and a crash leaves no partial
 * key.
 */
async function generateOnce(file: string, dataDir: string): Promise<string> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  const temporary = `${file}.${randomUUID()}`
  await writeFile(temporary, `k1:${randomBytes(32).toString('base64url')}\n`, { mode: 0o600 })
  try {
    await link(temporary, file)
  } catch (error) {
    if (!hasErrorCode(error, 'EEXIST')) throw error
  } finally {
    await rm(temporary, { force: true })
  }
  return readFile(file, 'utf8')
}

async function readIfExists(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return null
    throw error
  }
}
