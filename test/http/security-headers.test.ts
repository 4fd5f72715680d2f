import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startGateway, type TestGateway } from '../support/gateway.ts'

describe.each([
  ['http', {}, null],
  ['https', { PUBLIC_URL: 'https://gateway.example.com', GRAPHIQL: 'on' }, 'max-age=31536000; includeSubDomains'],
])('over %s', (_scheme, environment, hsts) => {
  let atgate: TestGateway

  beforeAll(async () => {
    atgate = await startGateway(environment)
  })
  afterAll(() => atgate.close())

  it.each(['/', '/auth/start', '/oauth-client-metadata.json', '/nowhere'])('protects %s', async (path) => {
    const { headers } = await fetch(atgate.url + path)
    expect(headers.get('strict-transport-security')).toBe(hsts)
    expect(headers.get('x-frame-options')).toBe('DENY')
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('content-security-policy')?.split(';')).toEqual([
      "default-src 'self'",
      `script-src ${atgate.gateway.config.publicUrl}/assets/`,
      `img-src 'self' data: https:${hsts === null ? ' http:' : ''}`,
      "object-src 'none'",
      "base-uri 'none'",
      "form-action 'self'",
      "frame-ancestors 'none'",
    ])
  })

  it.each([
    ['POST', '/graphql', 200],
    ['POST', '/graphql', 400],
    ['POST', '/graphql', 403],
    ['POST', '/auth/token', 401],
    ['GET', '/auth/verify', 401],
  ])('sends with %s %s, which answers %s, what concerns data', async (method, path, status) => {
    const response = await fetch(atgate.url + path, {
      method,
      headers: {
        'content-type': 'application/json',
        origin: status === 403 ? 'https://elsewhere.example' : atgate.gateway.config.publicUrl,
      },
      ...(method === 'POST' && { body: status === 400 ? '{' : '{ "query": "{ __typename }" }' }),
    })
    expect(response.status).toBe(status)
    const { headers } = response
    expect(headers.get('content-security-policy')).toBe("default-src 'none';frame-ancestors 'none'")
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('cross-origin-resource-policy')).toBe('same-origin')
    expect(headers.get('strict-transport-security')).toBe(hsts)
    for (const name of ['cross-origin-opener-policy', 'x-xss-protection', 'x-download-options']) {
      expect(headers.get(name)).toBeNull()
    }
  })

  it('lets GraphiQL run the scripts of its own page, and nobody frame it', async () => {
    const { headers } = await fetch(`${atgate.url}/graphql`, { headers: { accept: 'text/html' } })
    const policy = headers.get('content-security-policy')?.split(';')
    expect(policy).toEqual(
      expect.arrayContaining([
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' blob:",
        "object-src 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
      ]),
    )
    expect(headers.get('strict-transport-security')).toBe(hsts)
  })
})
