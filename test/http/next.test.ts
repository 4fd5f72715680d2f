import { describe, expect, it } from 'vitest'
import { readNext } from '../../src/http/next.ts'

const places = {
  publicUrl: 'https://auth.example.com',
  allowedOrigins: ['https://auth.example.com', 'https://app.example.com'],
  serviceOrigins: ['https://auth.example.com:8443'],
}

describe('where a sign-in may go on to', () => {
  it.each([
    'https://app.example.com/',
    'https://app.example.com/auth/start',
    'https://auth.example.com:8443/notes?id=1#top',
    'https://auth.example.com:8443/auth/verify',
    'https://auth.example.com/app/auth/start',
  ])('%s', (url) => {
    expect(readNext(url, places)).toBe(url)
  })

  it.each([
    ['another host', 'https://evil.example/'],
    ['another scheme', 'http://app.example.com/'],
    ['another port', 'https://auth.example.com:9443/'],
    ['a user name that looks like the host', 'https://app.example.com@evil.example/'],
    ['a user name', 'https://someone@app.example.com/'],
    ['a password', 'https://:secret@app.example.com/'],
    ['a script', 'javascript:alert(1)//https://app.example.com/'],
    ['a data URL', 'data:text/html,x'],
    ['a path', '/notes'],
    ['a path that browsers read as a host', '//evil.example/'],
    ['no URL', 'nonsense'],
    ['nothing', ''],
    ['several', ['https://app.example.com/', 'https://app.example.com/']],
    ['what is not there', undefined],
    ['what is too long', `https://app.example.com/${'a'.repeat(2048)}`],
  ])('not %s', (_what, url) => {
    expect(readNext(url, places)).toBeNull()
  })

  it.each([
    '/auth/start?handle=evil.example',
    '/auth/callback?code=x',
    '//auth/start',
    '/%61uth/start',
    '/x/../auth/start',
    '/AUTH/start',
    '/graphql?query={x}',
    '/xrpc/com.atproto.repo.listRecords',
    '/.well-known/jwks.json',
    '/%',
  ])('not %s of the gateway itself: its own pages begin things unasked there', (path) => {
    expect(readNext(`https://auth.example.com${path}`, places)).toBeNull()
  })
})
