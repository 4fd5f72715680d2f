import { OAuthResponseError } from '@atproto/oauth-client-node'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { GrantUnreadable } from '../../../src/atproto/grants/grant.ts'
import { createRevocationQueue, type RevocationQueue } from '../../../src/atproto/grants/revocation-queue.ts'
import { createLogger } from '../../../src/platform/logger.ts'
import { SealError } from '../../../src/store/sealing/sealer.ts'

const HOUR = 60 * 60 * 1000

describe('the revocation queue', () => {
  let queue: RevocationQueue
  let logLines: string[]
  // The faults are a server's, and the retries take minutes.
  const revoke = vi.fn<(id: string) => Promise<void>>()
  const findUnrevoked = vi.fn<(limit: number) => Promise<string[]>>()

  beforeEach(() => {
    vi.useFakeTimers()
    revoke.mockReset().mockResolvedValue()
    findUnrevoked.mockReset().mockResolvedValue([])
    logLines = []
    const logger = createLogger({ level: 'info', destination: { write: (line) => void logLines.push(line) } })
    queue = createRevocationQueue({ grants: { revoke, findUnrevoked }, logger })
  })
  afterEach(() => vi.useRealTimers())

  const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms)
  const answerOf = (status: number) => new OAuthResponseError(new Response(null, { status }), {})

  it('revokes a grant, once however often it is named', async () => {
    queue.revokeSoon('a')
    queue.revokeSoon('a')
    queue.revokeSoon('b')
    await pass(HOUR)
    expect(revoke.mock.calls).toEqual([['a'], ['b']])
    expect(logLines).toEqual([])
  })

  it('revokes one anew that is named again later', async () => {
    queue.revokeSoon('a')
    await pass(1)
    queue.revokeSoon('a')
    await pass(1)
    expect(revoke).toHaveBeenCalledTimes(2)
  })

  it.each([new TypeError('fetch failed'), answerOf(500)])('tries again after %s, later each time', async (error) => {
    revoke.mockRejectedValueOnce(error).mockRejectedValueOnce(error)
    queue.revokeSoon('a')
    await pass(999)
    expect(revoke).toHaveBeenCalledTimes(1)
    await pass(HOUR)
    expect(revoke).toHaveBeenCalledTimes(3)
    expect(logLines).toEqual([])
  })

  it('gives up after five retries, and says so', async () => {
    revoke.mockRejectedValue(new TypeError('fetch failed'))
    queue.revokeSoon('a')
    await pass(HOUR)
    expect(revoke).toHaveBeenCalledTimes(6)
    expect(logLines).toEqual([expect.stringMatching(/"level":40.*fetch failed.*"grantId":"a".*grant not revoked/)])
  })

  it.each([new SealError('key is gone'), new GrantUnreadable('not a grant'), answerOf(400), answerOf(499)])(
    'does not try again after %s: it would end the same',
    async (error) => {
      revoke.mockRejectedValue(error)
      queue.revokeSoon('a')
      await pass(HOUR)
      expect(revoke).toHaveBeenCalledTimes(1)
      expect(logLines).toHaveLength(1)
    },
  )

  it('takes up what was left, in bounded batches', async () => {
    findUnrevoked.mockResolvedValue(['a', 'b'])
    await queue.resume()
    await pass(1)
    expect(findUnrevoked).toHaveBeenCalledExactlyOnceWith(200)
    expect(revoke.mock.calls).toEqual([['a'], ['b']])
  })

  it('closes when what is in progress is done, and begins nothing after', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    revoke.mockReturnValue(promise)
    queue.revokeSoon('a')
    let isClosed = false
    const closed = queue.close().then(() => {
      isClosed = true
    })
    queue.revokeSoon('b')
    await pass(1)
    expect(isClosed).toBe(false)
    resolve()
    await closed
    expect(revoke.mock.calls).toEqual([['a']])
  })

  it('closes without waiting for a retry, and without a word: the next process takes it up', async () => {
    revoke.mockRejectedValue(new TypeError('fetch failed'))
    queue.revokeSoon('a')
    await pass(1)
    await queue.close()
    await pass(HOUR)
    expect(revoke).toHaveBeenCalledTimes(1)
    expect(logLines).toEqual([])
  })
})
