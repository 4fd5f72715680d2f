import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadEncryptionKeys } from '../../../src/store/sealing/encryption-keys.ts'

describe('loadEncryptionKeys', () => {
  let dataDir: string

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'atgate-keys-'))
  })
  afterEach(() => rm(dataDir, { recursive: true }))

  it('makes a key once, readable by its owner alone', async () => {
    const first = await loadEncryptionKeys(join(dataDir, 'new'))
    expect(first).toHaveLength(1)
    expect(first[0]?.secret).toHaveLength(32)
    expect(await loadEncryptionKeys(join(dataDir, 'new'))).toEqual(first)
    expect((await stat(join(dataDir, 'new', 'encryption-keys'))).mode & 0o777).toBe(0o600)
  })

  it('gives one key to many that start at once', async () => {
    const kept = await Promise.all(Array.from({ length: 10 }, () => loadEncryptionKeys(dataDir)))
    expect(new Set(kept.map((keys) => Buffer.from(keys[0]?.secret ?? '').toString('hex'))).size).toBe(1)
  })

  it('says that a damaged file is damaged, and leaves it as it is', async () => {
    const file = join(dataDir, 'encryption-keys')
    await writeFile(file, 'k1:dGhpcyBpcyBub3QgYSBrZXk')
    await expect(loadEncryptionKeys(dataDir)).rejects.toThrow(/encryption-keys is damaged/)
    expect(await readFile(file, 'utf8')).toBe('k1:dGhpcyBpcyBub3QgYSBrZXk')
  })

  it('leaves nothing beside them', async () => {
    await Promise.all(Array.from({ length: 3 }, () => loadEncryptionKeys(dataDir)))
    expect(await readdir(dataDir)).toEqual(['encryption-keys'])
  })

  it('says why they cannot be read, and makes no others', async () => {
    await mkdir(join(dataDir, 'encryption-keys'))
    await expect(loadEncryptionKeys(dataDir)).rejects.toMatchObject({ code: 'EISDIR' })
  })

  it('reads them whatever white space is around them', async () => {
    const [key] = await loadEncryptionKeys(dataDir)
    const file = join(dataDir, 'encryption-keys')
    await writeFile(file, `\n  ${(await readFile(file, 'utf8')).trim()} \n`)
    expect(await loadEncryptionKeys(dataDir)).toEqual([key])
  })
})
