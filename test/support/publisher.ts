import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Publisher } from '../../src/sandbox/publisher.ts'
import { fixture } from './fixtures.ts'
import { aDefinition, type SetOptions } from './permission-sets.ts'

/** Where the publisher of the test network takes orders, and whose repository it publishes in. */
export type ServedPublisher = { did: string; url: string }

/** Lets the tests, which run in other processes, publish permission sets. */
export async function servePublisher({ did, ...publisher }: Publisher): Promise<ServedPublisher> {
  const server = createServer(async (request, response) => {
    response.setHeader('connection', 'close')
    try {
      const [, order = '', nsid = ''] = request.url?.split('/') ?? []
      if (order === 'publish') await publisher.publish(nsid, JSON.parse(await text(request)))
      else if (order === 'withdraw' || order === 'forget') await publisher[order](nsid)
      else throw new TypeError(`no such order: ${order}`)
      response.end()
    } catch (error) {
      response.writeHead(500).end(String(error))
    }
  })
  server.listen(0, '127.0.0.1').unref()
  await once(server, 'listening')
  return { did, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

async function order(path: string, body: object = {}): Promise<void> {
  const { url } = (await fixture('network')).publisher
  const response = await fetch(`${url}/${path}`, { method: 'POST', body: JSON.stringify(body) })
  if (!response.ok) throw new Error(`${path}: ${await response.text()}`)
}

/** Publishes a permission set in the test network, or another version of one. */
export async function publishSet(nsid: string, options: SetOptions): Promise<void> {
  const { type: _type, ...set } = aDefinition(options)
  await order(`publish/${nsid}`, set)
}

/** Deletes the record of a set: nobody can fetch it any more. */
export const withdrawSet = (nsid: string) => order(`withdraw/${nsid}`)

/** Makes the PDS forget its copy of a set. */
export const forgetSet = (nsid: string) => order(`forget/${nsid}`)
