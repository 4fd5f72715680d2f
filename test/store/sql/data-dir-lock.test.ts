import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { lockDataDir } from '../../../src/store/sql/data-dir-lock.ts'

describe('the lock of a data directory', () => {
  let dataDir: string

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'atgate-lock-'))
  })
  afterEach(() => rm(dataDir, { recursive: true }))

  it('is had by one at a time', async () => {
    const release = await lockDataDir(dataDir)
    // Inside the directory, which alone has to be writable.
    expect(await readdir(dataDir)).toEqual(['lock'])
    await expect(lockDataDir(dataDir, { waitMs: 0 })).rejects.toThrow(`Another process uses ${dataDir}.`)
    await release()
    await (await lockDataDir(dataDir, { waitMs: 0 }))()
  })

  it('is waited for', async () => {
    const release = await lockDataDir(dataDir)
    const second = lockDataDir(dataDir, { waitMs: 5000 })
    await release()
    await (await second)()
  })

  it('says what is wrong with a directory that is not there', async () => {
    await expect(lockDataDir(join(dataDir, 'nowhere'), { waitMs: 0 })).rejects.toMatchObject({ code: 'ENOENT' })
  })
})
