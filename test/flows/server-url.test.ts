import { describe, expect, it } from 'vitest'
import { parseServerUrl } from '../../src/flows/server-url.ts'
import { GatewayError } from '../../src/platform/errors.ts'

describe('parseServerUrl', () => {
  it('returns the origin', () => {
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
