import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'

/** The files of src that match a pattern. */
function filesWith(pattern: RegExp): string[] {
  const files = globSync('**/*.ts', { cwd: 'src', exclude: ['**/generated/**'] })
  return files.filter((file) => pattern.test(readFileSync(join('src', file), 'utf8'))).toSorted()
}

const WRITES = '(create|createMany|update|updateMany|upsert|delete|deleteMany)(AndReturn)?\\('

// What is written in one place takes its locks in one order, and can tell everyone what has changed.
it.each([
  ['Session and SessionGroup', new RegExp(`\\.session(Group)?\\s*\\.${WRITES}`), ['sessions/rows.ts']],
  ['Session in SQL', /(UPDATE|INSERT INTO|DELETE FROM) "Session/, ['sessions/rows.ts']],
  ['ClientToken', new RegExp(`\\.clientToken\\s*\\.${WRITES}`), ['sessions/token-rows.ts']],
  ['Grant', new RegExp(`\\.grant\\s*\\.${WRITES}`), ['atproto/grants/rows.ts']],
  [
    'Grant in SQL',
    /(UPDATE|INSERT INTO|DELETE FROM) "Grant/,
    [
      'atproto/grants/due-revocations.ts',
      'atproto/grants/idle-grants.ts',
      'atproto/grants/leases.ts',
      'atproto/grants/rows.ts',
    ],
  ],
  ['IdentityKey', new RegExp(`\\.identityKey\\s*\\.${WRITES}`), ['services/identity-keys/rows.ts']],
  [
    'Account',
    new RegExp(`\\.account\\s*\\.${WRITES}`),
    ['accounts/look-up-again.ts', 'accounts/record-account.ts', 'sessions/forget-account.ts'],
  ],
])('%s is written by one file, or by the parts of one', (_what, pattern, files) => {
  expect(filesWith(pattern)).toEqual(files)
})

it('start, callback and exchange decide nothing by the kind of flow', () => {
  const kinds = /'(login|create_account|add_account|scope_upgrade|developer_token)'/
  const deciding = filesWith(kinds).filter((file) => file.startsWith('flows/') && !file.startsWith('flows/kinds/'))
  expect(deciding).toEqual(['flows/flow-definition.ts'])
})
