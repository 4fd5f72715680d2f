import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, it } from 'vitest'
import {
  BodyIncomplete,
  createUpstreams,
  UPSTREAM_LIMITS,
  type UpstreamLimits,
  type UpstreamRequest,
} from '../../../src/atproto/pds/upstreams.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  closing.push(() => server.close().closeAllConnections())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function upstreamsWith(limits: Partial<UpstreamLimits> = {}) {
  const upstreams = createUpstreams({ allowInsecure: true, limits: { ...UPSTREAM_LIMITS, ...limits } })
  closing.push(upstreams.close)
  return upstreams
}

const get = (origin: string, request: Partial<UpstreamRequest> = {}): UpstreamRequest => ({
  origin,
  method: 'GET',
  path: '/',
  headers: {},
  body: null,
  signal: new AbortController().signal,
  ...request,
})

const silent: RequestListener = () => undefined

it('waits so long for an answer to begin', async () => {
  const request = upstreamsWith({ headers: 50 }).request(get(await serve(silent)))
  await expect(request).rejects.toMatchObject({ code: 'PDS_UNAVAILABLE' })
})

it('and so long for it to go on', async () => {
  const origin = await serve((_request, response) => response.write('half'))
  const { body } = await upstreamsWith({ silence: 50 }).request(get(origin))
  await expect(body.text()).rejects.toThrow()
})

it('has a number of requests under way at one server, and none is left waiting', async () => {
  const upstreams = upstreamsWith({ perOrigin: 2 })
  const [busy, other] = [await serve((_request, response) => response.write('half')), await serve(silent)]
  const [first] = await Promise.all([upstreams.request(get(busy)), upstreams.request(get(busy))])
  await expect(upstreams.request(get(busy))).rejects.toMatchObject({ code: 'PDS_UNAVAILABLE' })
  // Another server has its own.
  const elsewhere = new AbortController()
  const request = upstreams.request(get(other, { signal: elsewhere.signal }))
  elsewhere.abort(new Error('left'))
  await expect(request).rejects.toThrow('left')
  // Not `once`, which rejects when the body is aborted.
  await new Promise<void>((resolve) => first.body.once('close', resolve).destroy())
  const next = await upstreams.request(get(busy))
  expect(next.statusCode).toBe(200)
  next.body.destroy()
})

it('tells a body of ours that breaks off from a server that fails', async () => {
  const origin = await serve((request) => request.resume())
  async function* broken() {
    yield Buffer.from('half')
    throw new BodyIncomplete('gone')
  }
  const request = upstreamsWith().request(get(origin, { method: 'POST', body: broken() }))
  await expect(request).rejects.toThrow(BodyIncomplete)
})

it('says that a server is away which nobody can reach', async () => {
  const request = upstreamsWith().request(get('http://127.0.0.1:1'))
  await expect(request).rejects.toMatchObject({ code: 'PDS_UNAVAILABLE', retryAfter: 60 })
})

it.each([
  'http://pds.example.com',
  'https://127.0.0.1',
  'https://[::1]',
  'https://10.0.0.1',
  'https://[::ffff:10.0.0.1]',
])('asks nothing of %s', async (origin) => {
  const strict = createUpstreams({ allowInsecure: false })
  closing.push(strict.close)
  await expect(strict.request(get(origin))).rejects.toMatchObject({
    code: 'PDS_UNAVAILABLE',
    detail: expect.stringContaining(origin),
  })
})
