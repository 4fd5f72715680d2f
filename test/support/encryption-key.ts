import { createSealer } from '../../src/store/sealing/sealer.ts'

/** The key of every test gateway, with which builders seal: a gateway starts only if it can read what is there. */
export const ENCRYPTION_KEY = { id: 'test', secret: new Uint8Array(32).fill(7) }

/** The text of a grant that nobody uses. */
export const SEALED_GRANT = await createSealer([ENCRYPTION_KEY]).seal({}, 'a grant that nobody uses')
