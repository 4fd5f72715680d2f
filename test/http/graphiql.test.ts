import { get } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startGateway, type TestGateway } from '../support/gateway.ts'

const MB = 1024 * 1024

let atgate: TestGateway

beforeAll(async () => {
  atgate = await startGateway()
})
afterAll(() => atgate.close())

/** A response as it came over the wire: `fetch` would decompress it. */
function getPage(
  headers: Record<string, string>,
): Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; bytes: number }> {
  return new Promise((resolve, reject) => {
    get(`${atgate.url}/graphql`, { headers: { accept: 'text/html', ...headers } }, (response) => {
      let bytes = 0
      response.on('data', (chunk: Buffer) => (bytes += chunk.length))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, bytes }))
    }).on('error', reject)
  })
}

describe('the page of GraphiQL', () => {
  it.each([
    ['br', 'gzip, deflate, br', 2 * MB],
    ['gzip', 'gzip', 3 * MB],
  ])('comes compressed with %s', async (encoding, accepted, most) => {
    const { status, headers, bytes } = await getPage({ 'accept-encoding': accepted })
    expect(status).toBe(200)
    expect(headers['content-encoding']).toBe(encoding)
    expect(headers['content-type']).toMatch(/^text\/html/)
    expect(headers.vary).toMatch(/accept-encoding/i)
    expect(bytes).toBeGreaterThan(MB)
    expect(bytes).toBeLessThan(most)
  })

  it('comes as it is to a client that decompresses nothing', async () => {
    const { headers, bytes } = await getPage({})
    expect(headers['content-encoding']).toBeUndefined()
    expect(bytes).toBeGreaterThan(8 * MB)
  })

  it('is sent once to a browser that keeps it', async () => {
    const first = await getPage({ 'accept-encoding': 'br' })
    expect(first.headers['cache-control']).toBe('no-cache')
    const again = await getPage({ 'accept-encoding': 'br', 'if-none-match': String(first.headers.etag) })
    expect(again).toMatchObject({ status: 304, bytes: 0 })
  })

  it('brings its icon, wherever the portal is', async () => {
    const page = await (await fetch(`${atgate.url}/graphql`, { headers: { accept: 'text/html' } })).text()
    expect(page).toMatch(/<link rel="icon" href="data:image\/svg\+xml,%3Csvg/)
  })

  it('is at no other address', async () => {
    expect((await fetch(`${atgate.url}/graphiql.html`)).status).toBe(404)
  })
})

it('answers of the API are kept by nobody, by GET either', async () => {
  const response = await fetch(`${atgate.url}/graphql?query={__typename}`)
  expect(await response.json()).toEqual({ data: { __typename: 'Query' } })
  expect(response.headers.get('cache-control')).toBe('no-store')
})
