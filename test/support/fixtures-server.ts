import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Fixtures } from './fixtures.ts'

export type FixtureMakers = { [Name in keyof Fixtures]: () => Promise<Fixtures[Name]> }

/** Serves the fixtures of a test run to its workers. Each is made once, when it is asked for. */
export async function serveFixtures(makers: FixtureMakers): Promise<{ url: string; close(): Promise<void> }> {
  const made = new Map<string, Promise<unknown>>()
  const get = (name: keyof Fixtures) => {
    const known = made.get(name) ?? makers[name]()
    made.set(name, known)
    return known
  }
  const server = createServer((request, response) => {
    // A connection kept for the next question might be closed just when that is asked.
    response.setHeader('connection', 'close')
    get(request.url?.slice(1) as keyof Fixtures).then(
      (fixture) => response.end(JSON.stringify(fixture)),
      (error: unknown) => response.writeHead(500).end(String(error)),
    )
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.close()
      await Promise.allSettled(made.values())
    },
  }
}
