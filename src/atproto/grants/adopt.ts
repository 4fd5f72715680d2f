import type { GrantCopies } from './copies.ts'
import type { GrantChange } from './grant-change.ts'
import type { GrantRow, GrantRows } from './rows.ts'
import type { UnstoredGrants } from './unstored.ts'

export type NewestParts = {
  rows: GrantRows
  copies: GrantCopies
  unstored: UnstoredGrants
  onChange(change: GrantChange): void
}

/**
 * Stores a newer token set than the row has, if this process holds one or there is a copy of one: the process that got
 * it could not store it, or the database was restored. Nothing is sent.
 * @returns `unknown` when the ephemeral store cannot be reached
 */
export async function adoptNewest(
  { rows, copies, unstored, onChange }: NewestParts,
  row: GrantRow,
): Promise<'adopted' | 'none' | 'unknown'> {
  const held = unstored.find(row.id)
  if (held !== undefined && held.generation > row.generation) {
    await unstored.store(row.id)
    return 'adopted'
  }
  const copy = await copies.find(row).catch(() => 'unknown' as const)
  if (copy === 'unknown') return 'unknown'
  if (copy === null || copy.generation <= row.generation) return 'none'
  await rows.store(copy, copy.grant)
  onChange({ id: row.id, state: 'ok' })
  return 'adopted'
}
