import { describe, expect, it } from 'vitest'
import { startOrigin } from '../../src/http/start-origin.ts'

const ORIGINS = ['https://auth.example.com', 'https://app.example.com']
const originOf = (headers: Record<string, string>) => startOrigin(headers, ORIGINS)

const JSON_CALL = { accept: 'application/json' }
const navigation = (site: string | null, more: Record<string, string> = {}) => ({
  accept: 'text/html',
  ...(site === null ? {} : { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document', 'sec-fetch-site': site }),
  ...more,
})

describe('startOrigin', () => {
  it.each([
    ['a client that is no browser', {}],
    ['a script of the portal', { 'sec-fetch-mode': 'cors', 'sec-fetch-site': 'same-origin' }],
    [
      'a script of a frontend',
      { 'sec-fetch-mode': 'cors', 'sec-fetch-site': 'same-site', origin: 'https://app.example.com' },
    ],
    ['a script of a browser without Fetch Metadata', { origin: 'https://app.example.com' }],
  ])('takes %s for a call', (_who, headers) => {
    expect(originOf({ ...JSON_CALL, ...headers })).toBe('call')
  })

  it.each([
    ['a script of another origin', { ...JSON_CALL, origin: 'https://evil.example' }],
    ['a script that hides its origin', { ...JSON_CALL, origin: 'null' }],
    ['a script of another site without an origin', { ...JSON_CALL, 'sec-fetch-site': 'cross-site' }],
    ['a script of a sibling without an origin', { ...JSON_CALL, 'sec-fetch-site': 'same-site' }],
    ['a script that asks for no JSON', { 'sec-fetch-mode': 'cors', 'sec-fetch-site': 'same-origin' }],
    ['an image', { 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image', 'sec-fetch-site': 'cross-site' }],
    ['a frame', navigation('same-origin', { 'sec-fetch-dest': 'iframe' })],
    ['an embedded document', navigation('same-origin', { 'sec-fetch-dest': 'embed' })],
    ['a prefetch', navigation('same-origin', { 'sec-purpose': 'prefetch' })],
    ['a prerendered page', navigation('same-origin', { 'sec-purpose': 'prefetch;prerender' })],
    ['a prefetch of an older browser', navigation(null, { purpose: 'prefetch' })],
  ])('refuses %s', (_who, headers) => {
    expect(originOf(headers)).toBe('refused')
  })

  it.each([
    ['a page of the gateway', navigation('same-origin')],
    ['a page of a frontend', navigation('same-site', { referer: 'https://app.example.com/' })],
    ['a form of a frontend', navigation('same-site', { origin: 'https://app.example.com' })],
    ['a frontend in a browser without Fetch Metadata', navigation(null, { referer: 'https://app.example.com/a' })],
  ])('lets %s begin', (_who, headers) => {
    expect(originOf(headers)).toBe('here')
  })

  it.each([
    ['another site', navigation('cross-site')],
    ['another site that names a frontend', navigation('cross-site', { referer: 'https://app.example.com/' })],
    ['a mail link, a bookmark or a typed address', navigation('none')],
    ['a frontend with no-referrer', navigation('same-site')],
    ['a sibling subdomain', navigation('same-site', { referer: 'https://blog.example.com/' })],
    ['a sandboxed page', navigation('same-site', { origin: 'null' })],
    ['nobody, in a browser without Fetch Metadata', navigation(null)],
    ['another site in a browser without Fetch Metadata', navigation(null, { referer: 'https://evil.example/' })],
    ['a site whose address begins like ours', navigation(null, { referer: 'https://app.example.com.evil.example/' })],
    ['a navigation that asks for JSON', navigation('cross-site', JSON_CALL)],
  ])('has the person asked for %s', (_who, headers) => {
    expect(originOf(headers)).toBe('elsewhere')
  })
})
