import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { expect, it, onTestFinished } from 'vitest'
import { authorityByDns, fixedAuthority } from '../../../src/atproto/scopes/lexicon-authority.ts'

const DID = 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa'

/** A name server that answers every question with these TXT records; with null it does not answer. */
async function nameServer(records: string[] | null): Promise<{ address: string; asked: string[] }> {
  const socket = createSocket('udp4')
  onTestFinished(() => void socket.close())
  const asked: string[] = []
  socket.on('message', (query, { port, address }) => {
    asked.push(nameOf(query))
    if (records !== null) socket.send(answerTo(query, records), port, address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return { address: `127.0.0.1:${socket.address().port}`, asked }
}

/** The name in the question (RFC 1035 §4.1.2). */
function nameOf(query: Buffer): string {
  const labels: string[] = []
  for (let at = 12; query[at]; at += 1 + (query[at] ?? 0)) {
    labels.push(query.subarray(at + 1, at + 1 + (query[at] ?? 0)).toString())
  }
  return labels.join('.')
}

function answerTo(query: Buffer, records: string[]): Buffer {
  const question = query.subarray(12, query.indexOf(0, 12) + 5)
  const header = Buffer.from([query[0] ?? 0, query[1] ?? 0, 0x81, 0x80, 0, 1, 0, records.length, 0, 0, 0, 0])
  const answers = records.map((text) => {
    const data = Buffer.concat([Buffer.from([text.length]), Buffer.from(text)])
    return Buffer.concat([Buffer.from([0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60, 0, data.length]), data])
  })
  return Buffer.concat([header, question, ...answers])
}

const find = async (records: string[] | null, timeoutMs?: number) => {
  const { address, asked } = await nameServer(records)
  const authority = authorityByDns({ servers: [address], ...(timeoutMs && { timeoutMs }) })({
    authority: 'example.app',
  })
  return { authority: await authority, asked }
}

it('reads the DID that DNS names for a namespace', async () => {
  expect(await find(['v=spf1', `did=${DID}`])).toEqual({ authority: DID, asked: ['_lexicon.example.app'] })
})

it.each([
  ['no DID', ['v=spf1']],
  ['two DIDs', [`did=${DID}`, 'did=did:web:example.com']],
  ['another kind of DID', ['did=did:key:zabc']],
  ['nothing', []],
])('refuses %s', async (_title, records) => {
  await expect(find(records)).rejects.toThrow()
})

it('waits no longer than its time for a name server that does not answer', async () => {
  const began = performance.now()
  await expect(find(null, 200)).rejects.toMatchObject({ code: 'ECANCELLED' })
  expect(performance.now() - began).toBeLessThan(2000)
})

it('takes one repository for all namespaces, where there is no DNS', async () => {
  expect(await fixedAuthority(DID)({ authority: 'example.app' })).toBe(DID)
})
