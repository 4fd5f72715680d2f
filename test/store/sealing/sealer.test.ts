import { randomBytes } from 'node:crypto'
import { CompactEncrypt, decodeProtectedHeader } from 'jose'
import { describe, expect, it } from 'vitest'
import { createSealer, KeyMissing, SealError } from '../../../src/store/sealing/sealer.ts'

const aKey = (id: string) => ({ id, secret: randomBytes(32) })

describe('seal', () => {
  it('opens what it sealed, for the same purpose', async () => {
    const sealer = createSealer([aKey('k1')])
    const sealed = await sealer.seal({ refresh_token: 'secret' }, 'grant:1')
    expect(await sealer.open(sealed, 'grant:1')).toEqual({ refresh_token: 'secret' })
  })

  it('shows nothing of the value, and names the key', async () => {
    const sealer = createSealer([aKey('k1')])
    const sealed = await sealer.seal({ refresh_token: 'secret' }, 'grant:1')
    expect(Buffer.from(sealed, 'base64url').toString('latin1')).not.toContain('secret')
    expect(decodeProtectedHeader(sealed)).toMatchObject({ alg: 'dir', enc: 'A256GCM', kid: 'k1' })
  })

  it('refuses another purpose', async () => {
    const sealer = createSealer([aKey('k1')])
    const sealed = await sealer.seal('value', 'grant:1')
    await expect(sealer.open(sealed, 'grant:2')).rejects.toThrow(SealError)
  })

  it('refuses an altered header: the purpose is authenticated', async () => {
    const sealer = createSealer([aKey('k1')])
    const [, ...rest] = (await sealer.seal('value', 'grant:1')).split('.')
    const header = Buffer.from(JSON.stringify({ alg: 'dir', enc: 'A256GCM', kid: 'k1', purpose: 'grant:2' }))
    const altered = [header.toString('base64url'), ...rest].join('.')
    await expect(sealer.open(altered, 'grant:2')).rejects.toThrow(SealError)
  })

  it('refuses garbage', async () => {
    const sealer = createSealer([aKey('k1')])
    await expect(sealer.open('garbage', 'p')).rejects.toThrow(SealError)
    await expect(sealer.open('', 'p')).rejects.toThrow(SealError)
  })

  it('seals with the first key and opens with any, until a key is gone', async () => {
    const [older, newer] = [aKey('older'), aKey('newer')]
    const sealed = await createSealer([older]).seal('value', 'p')
    const rotated = createSealer([newer, older])
    expect(await rotated.open(sealed, 'p')).toBe('value')
    expect(decodeProtectedHeader(await rotated.seal('value', 'p')).kid).toBe('newer')
    const withoutKey = createSealer([newer]).open(sealed, 'p')
    await expect(withoutKey).rejects.toThrow(/no key with the id "older"/)
    await expect(withoutKey).rejects.toBeInstanceOf(KeyMissing)
  })

  it('tells whether it could open a text, whatever it is for', async () => {
    const [key, other] = [aKey('k1'), aKey('k2')]
    const sealed = await createSealer([key]).seal('value', 'p')
    expect(await createSealer([other, key]).isReadable(sealed)).toBe(true)
    expect(await createSealer([other]).isReadable(sealed)).toBe(false)
    expect(await createSealer([{ ...other, id: 'k1' }]).isReadable(sealed)).toBe(false)
    expect(await createSealer([key]).isReadable('garbage')).toBe(false)
  })

  it('refuses what was encrypted in another way, even with the same key', async () => {
    const key = aKey('k1')
    const plaintext = new TextEncoder().encode('"value"')
    for (const header of [
      { alg: 'A256GCMKW', enc: 'A256GCM' },
      { alg: 'A256KW', enc: 'A256CBC-HS512' },
    ]) {
      const sealed = await new CompactEncrypt(plaintext)
        .setProtectedHeader({ ...header, kid: 'k1', purpose: 'p' })
        .encrypt(key.secret)
      await expect(createSealer([key]).open(sealed, 'p')).rejects.toThrow(SealError)
    }
  })

  it('keeps the cause of a refusal', async () => {
    await expect(createSealer([aKey('k1')]).open('garbage', 'p')).rejects.toMatchObject({
      name: 'SealError',
      cause: expect.any(Error),
    })
  })

  it('needs a key', () => {
    expect(() => createSealer([])).toThrow(TypeError)
  })
})
