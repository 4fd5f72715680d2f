import { describe, expect, it } from 'vitest'
import { parseServerUrl, parseStartInput } from '../../src/flows/account-input.ts'
import { GatewayError } from '../../src/platform/errors.ts'

describe('parseStartInput', () => {
  it('takes exactly one of handle and pds_url', () => {
    expect(parseStartInput({ handle: ' alice.test ', pdsUrl: null })).toEqual({ kind: 'login', account: 'alice.test' })
    expect(parseStartInput({ handle: null, pdsUrl: 'https://pds.example' })).toEqual({
      kind: 'create_account',
      pdsUrl: 'https://pds.example',
    })
    expect(() => parseStartInput({ handle: null, pdsUrl: null })).toThrow(/exactly one/)
    expect(() => parseStartInput({ handle: 'a.test', pdsUrl: 'https://pds.example' })).toThrow(/exactly one/)
  })
})

describe('parseServerUrl', () => {
  it('gives the origin', () => {
    expect(parseServerUrl('https://pds.example.com/', { allowHttp: false })).toBe('https://pds.example.com')
    expect(parseServerUrl('http://localhost:2583', { allowHttp: true })).toBe('http://localhost:2583')
  })

  it.each([
    'http://pds.example.com',
    'https://u:p@pds.example.com',
    'https://pds.example.com/path',
    'ftp://x',
    'https://',
  ])('refuses %s', (text) => {
    expect(() => parseServerUrl(text, { allowHttp: false })).toThrow(GatewayError)
  })
})
