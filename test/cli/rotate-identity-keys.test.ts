import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openDatabase } from '../../src/store/sql/database.ts'
import { startProgram } from '../support/process.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'atgate-rotate-'))
})
afterEach(() => rm(folder, { recursive: true }))

const rotate = (env: Record<string, string> = {}) =>
  startProgram('src/cli/rotate-identity-keys.ts', { cwd: folder, env: { LOG_LEVEL: 'silent', ...env } })
const kidIn = (text: string) => /new key ([\w-]{43})\./.exec(text)?.[1]

it('leaves one key, which signs at once, and says which one it is', async () => {
  const first = rotate()
  expect(await first.exitCode()).toBe(0)
  const again = rotate()
  expect(await again.exitCode()).toBe(0)
  const kid = kidIn(again.output())
  expect(kid).not.toBe(kidIn(first.output()))
  const database = await openDatabase({ kind: 'embedded', dataDir: join(folder, '.data') })
  const keys = await database.prisma.identityKey.findMany()
  await database.close()
  expect(keys.map((key) => key.kid)).toEqual([kid])
  expect(keys[0]?.signsFrom.getTime()).toBeLessThanOrEqual(Date.now())
})

it('says what is wrong with the configuration, and changes nothing', async () => {
  const program = rotate({ PORT: 'none' })
  expect(await program.exitCode()).toBe(1)
  expect(program.output()).toContain('  PORT: must be a whole number')
})
