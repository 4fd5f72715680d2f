import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createProfiles, type Profiles } from '../../src/atproto/profile.ts'
import { loadConfig } from '../../src/config/config.ts'
import { createLogger } from '../../src/platform/logger.ts'
import { freePort } from '../support/free-port.ts'
import { type AnsweringServer, answerJson, startAnswering } from '../support/http-answers.ts'

const DID = 'did:web:alice.test'

describe('a profile', () => {
  let server: AnsweringServer
  let answer: [status: number, body: unknown]
  let profiles: Profiles
  const logLines: string[] = []

  beforeAll(async () => {
    server = await startAnswering((request, response) => {
      if (request.url === '/elsewhere') return answerJson(response, 200, { value: { displayName: 'Mallory' } })
      if (answer[0] === 302) response.setHeader('location', '/elsewhere')
      answerJson(response, ...answer)
    })
    const logger = createLogger({ level: 'info', destination: { write: (line) => void logLines.push(line) } })
    profiles = createProfiles(loadConfig({ ALLOW_INSECURE_PDS: 'on' }), logger)
  })
  afterAll(() => server.close())
  beforeEach(() => {
    logLines.length = 0
  })

  const read = (pdsUrl: string) => profiles.read({ did: DID, handle: 'alice.test', pdsUrl })
  function answered(status: number, body: unknown) {
    answer = [status, body]
    return read(server.origin)
  }

  it('is read from the account’s own PDS', async () => {
    const value = { displayName: 'Alice', avatar: { ref: { $link: 'bafkrei' } } }
    expect(await answered(200, { value })).toEqual({
      displayName: 'Alice',
      avatarUrl: `${server.origin}/xrpc/com.atproto.sync.getBlob?did=did%3Aweb%3Aalice.test&cid=bafkrei`,
    })
    const asked = server.requests.at(-1)
    expect(asked?.pathname).toBe('/xrpc/com.atproto.repo.getRecord')
    expect(Object.fromEntries(asked?.searchParams ?? [])).toEqual({
      repo: DID,
      collection: 'app.bsky.actor.profile',
      rkey: 'self',
    })
    expect(logLines).toEqual([])
  })

  it('has no name and no picture where there is none, or one of another form', async () => {
    const none = { displayName: null, avatarUrl: null }
    expect(await answered(200, { value: {} })).toEqual(none)
    expect(await answered(200, { value: { displayName: '' } })).toEqual(none)
    expect(await answered(200, { value: { displayName: 7, avatar: 'x' } })).toEqual(none)
    expect(await answered(400, { error: 'RecordNotFound' })).toEqual(none)
  })

  it('has a name of at most 640 characters', async () => {
    const name = 'a'.repeat(640)
    expect(await answered(200, { value: { displayName: `${name}b` } })).toMatchObject({ displayName: name })
  })

  it('has a name without characters that a database refuses, or that reorder the text beside it', async () => {
    const displayName = ' A\u0000li\u202ece\u2066 \ud800 👩‍🚀 '
    expect(await answered(200, { value: { displayName } })).toMatchObject({ displayName: 'Alice \ufffd 👩‍🚀' })
  })

  it('that cannot be read is null, which is not the profile of one that has none', async () => {
    expect(await answered(500, { error: 'InternalServerError' })).toBeNull()
    expect(logLines).toEqual([])
    expect(await answered(200, 'nonsense')).toBeNull()
    expect(await answered(500, 'nonsense')).toBeNull()
    expect(await answered(302, {})).toBeNull()
    expect(await read(`http://127.0.0.1:${await freePort()}`)).toBeNull()
    expect(logLines).toHaveLength(4)
    expect(logLines[0]).toMatch(/did:web:alice\.test.*profile not read/)
  })

  it('is never read from this machine outside the sandbox', async () => {
    answer = [200, { value: { displayName: 'Alice' } }]
    const asked = server.requests.length
    const outside = createProfiles(loadConfig({}), createLogger({ level: 'silent' }))
    expect(await outside.read({ did: DID, handle: 'alice.test', pdsUrl: server.origin })).toBeNull()
    expect(server.requests).toHaveLength(asked)
  })
})
