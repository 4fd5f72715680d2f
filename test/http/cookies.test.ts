import cookiePlugin from '@fastify/cookie'
import fastify from 'fastify'
import { describe, expect, it } from 'vitest'
import { createCookies } from '../../src/http/cookies.ts'

/** Answers with both cookies set, or the session cookie cleared, and with what it read of the request's cookies. */
async function serverWith({ secure }: { secure: boolean }) {
  const cookies = createCookies({ secure })
  const server = fastify()
  await server.register(cookiePlugin)
  server.get('/set', (_request, reply) => {
    cookies.of(reply).setSession('id.secret')
    cookies.of(reply).setClient('client')
    return reply.send()
  })
  server.get('/clear', (_request, reply) => {
    cookies.of(reply).clearSession()
    return reply.send()
  })
  server.get('/read', (request) => cookies.read(request))
  return server
}

describe.each([
  [false, '', ''],
  [true, '__Host-', ' Secure;'],
])('the cookies of a gateway whose public URL is https: %s', (secure, prefix, attribute) => {
  it('are host-only, out of reach of scripts, and not sent with requests of other sites', async () => {
    const server = await serverWith({ secure })
    const { headers } = await server.inject('/set')
    expect(headers['set-cookie']).toEqual([
      `${prefix}atgate=id.secret; Max-Age=34560000; Path=/; HttpOnly;${attribute} SameSite=Lax`,
      `${prefix}atgate-client=client; Max-Age=34560000; Path=/; HttpOnly;${attribute} SameSite=Lax`,
    ])
  })

  it('are cleared with the attributes that they were set with, or browsers would keep them', async () => {
    const server = await serverWith({ secure })
    const { headers } = await server.inject('/clear')
    expect(headers['set-cookie']).toMatch(new RegExp(`^${prefix}atgate=; Max-Age=0; Path=/; .*HttpOnly;${attribute}`))
  })

  it('are read by their own names alone', async () => {
    const server = await serverWith({ secure })
    const cookie = 'atgate=a; atgate-client=b; __Host-atgate=c; __Host-atgate-client=d'
    expect((await server.inject({ url: '/read', headers: { cookie } })).json()).toEqual(
      secure ? { sessionCookie: 'c', clientCookie: 'd' } : { sessionCookie: 'a', clientCookie: 'b' },
    )
    expect((await server.inject('/read')).json()).toEqual({ sessionCookie: null, clientCookie: null })
  })
})
