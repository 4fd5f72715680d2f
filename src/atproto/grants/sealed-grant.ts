import type { Sealer } from '../../store/sealing/sealer.ts'
import { type Grant, type HeldGrant, parseGrant } from './grant.ts'

/** A token set as it is stored: in its row, or as a copy. */
export type SealedGrant = Omit<HeldGrant, 'grant'> & { sealed: string }

/** Seals a token set for its grant, its account and its generation: moved anywhere else, the text does not open. */
export function sealGrant(sealer: Sealer, held: HeldGrant): Promise<string> {
  return sealer.seal(held.grant, purposeOf(held))
}

/**
 * Opens a sealed token set.
 * @throws SealError, GrantUnreadable
 */
export async function openGrant(sealer: Sealer, sealed: SealedGrant): Promise<Grant> {
  return parseGrant(await sealer.open(sealed.sealed, purposeOf(sealed)))
}

function purposeOf({ id, did, generation }: Pick<SealedGrant, 'id' | 'did' | 'generation'>): string {
  return `grant:${id}:${did}:${generation}`
}
