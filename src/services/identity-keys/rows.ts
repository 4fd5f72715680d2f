import type { Sealer } from '../../store/sealing/sealer.ts'
import type { IdentityKey as IdentityKeyRow, PrismaClient } from '../../store/sql/generated/client.ts'
import { newSealedKey, resealed } from './identity-key.ts'

type Parts = { db: Pick<PrismaClient, 'identityKey' | '$transaction'>; sealer: Sealer }

/** Every key, in the order in which they sign. */
export function readKeys({ db }: Parts): Promise<IdentityKeyRow[]> {
  return db.identityKey.findMany({ orderBy: { number: 'asc' } })
}

/** Makes a key. Of replicas that make the one of this number at the same time, one succeeds, and all go on with its key. */
export async function makeKey(
  { db, sealer }: Parts,
  options: Pick<IdentityKeyRow, 'number' | 'signsFrom'>,
): Promise<void> {
  const key = await newSealedKey(sealer)
  await db.identityKey.createMany({ data: [{ ...key, ...options }], skipDuplicates: true })
}

export async function deleteKeys({ db }: Parts, numbers: readonly number[]): Promise<void> {
  if (numbers.length > 0) await db.identityKey.deleteMany({ where: { number: { in: [...numbers] } } })
}

/** Seals a key anew, unless another replica has done so. */
export async function resealKey({ db, sealer }: Parts, row: IdentityKeyRow): Promise<void> {
  const { kid, sealed } = row
  await db.identityKey.updateMany({ where: { kid, sealed }, data: { sealed: await resealed(sealer, row) } })
}

/** Replaces every key by a new one, which signs at once. Returns its id. */
export async function replaceKeys({ db, sealer }: Parts, now: Date): Promise<string> {
  const key = await newSealedKey(sealer)
  await db.$transaction(async (tx) => {
    const last = await tx.identityKey.aggregate({ _max: { number: true } })
    await tx.identityKey.deleteMany()
    await tx.identityKey.create({ data: { ...key, number: (last._max.number ?? 0) + 1, signsFrom: now } })
  })
  return key.kid
}
