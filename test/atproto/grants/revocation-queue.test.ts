import { OAuthResponseError } from '@atproto/oauth-client-node'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { DueRevocation } from '../../../src/atproto/grants/due-revocations.ts'
import { GrantUnreadable } from '../../../src/atproto/grants/grant.ts'
import { createRevocationQueue, type RevocationQueue } from '../../../src/atproto/grants/revocation-queue.ts'
import { createLogger } from '../../../src/platform/logger.ts'
import { KeyMissing, SealError } from '../../../src/store/sealing/sealer.ts'

const HOUR = 60 * 60 * 1000

/** A grant that is to be revoked, as it is claimed. */
const aDue = (id: string, more: Partial<DueRevocation> = {}): DueRevocation => ({
  id,
  issuer: 'https://pds.test',
  attempts: 0,
  hasExpired: false,
  isTriedOut: false,
  ...more,
})

describe('the revocation queue', () => {
  let queue: RevocationQueue
  let logLines: string[]
  // The faults are a server's, and the retries take minutes.
  const revoke = vi.fn<(id: string) => Promise<void>>()
  const claim = vi.fn<(id: string) => Promise<DueRevocation | null>>()
  const claimDue = vi.fn<(limit: number) => Promise<DueRevocation[]>>()
  const deleteGivenUp = vi.fn<(ids: readonly string[]) => Promise<void>>()

  beforeEach(() => {
    vi.useFakeTimers()
    revoke.mockReset().mockResolvedValue()
    claim.mockReset().mockImplementation(async (id) => aDue(id))
    claimDue.mockReset().mockResolvedValue([])
    deleteGivenUp.mockReset().mockResolvedValue()
    logLines = []
    const logger = createLogger({ level: 'info', destination: { write: (line) => void logLines.push(line) } })
    queue = createRevocationQueue({ grants: { revoke, due: { claim, claimDue, deleteGivenUp } }, logger })
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

  it('asks no server about a grant that has expired with its session', async () => {
    claim.mockResolvedValue(aDue('a', { hasExpired: true }))
    queue.revokeSoon('a')
    await pass(HOUR)
    expect(revoke).not.toHaveBeenCalled()
    expect(deleteGivenUp.mock.calls).toEqual([[['a']]])
  })

  it('leaves a grant to whoever has claimed it', async () => {
    claim.mockResolvedValue(null)
    queue.revokeSoon('a')
    await pass(HOUR)
    expect(revoke).not.toHaveBeenCalled()
    expect(logLines).toEqual([])
  })

  it('leaves a grant that cannot be claimed to housekeeping, and says so', async () => {
    claim.mockRejectedValue(new Error('database is away'))
    queue.revokeSoon('a')
    await pass(HOUR)
    expect(revoke).not.toHaveBeenCalled()
    expect(logLines).toEqual([expect.stringMatching(/"level":40.*database is away.*housekeeping tries again/)])
  })

  it('leaves what exceeds its places to housekeeping', async () => {
    revoke.mockReturnValue(new Promise(() => undefined))
    for (let n = 0; n < 150; n++) queue.revokeSoon(`grant ${n}`)
    await pass(HOUR)
    expect(revoke).toHaveBeenCalledTimes(100)
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

  it('stops after five retries, and says so', async () => {
    revoke.mockRejectedValue(new TypeError('fetch failed'))
    queue.revokeSoon('a')
    await pass(HOUR)
    expect(revoke).toHaveBeenCalledTimes(6)
    expect(logLines).toEqual([
      expect.stringMatching(/"level":40.*fetch failed.*"grantId":"a".*"attempts":1.*grant not revoked/),
    ])
  })

  it.each([
    new KeyMissing('key is gone'),
    new SealError('altered'),
    new GrantUnreadable('x'),
    answerOf(400),
    answerOf(499),
  ])('does not try again at once after %s: it would end the same', async (error) => {
    revoke.mockRejectedValue(error)
    queue.revokeSoon('a')
    await pass(HOUR)
    expect(revoke).toHaveBeenCalledTimes(1)
    expect(logLines).toHaveLength(1)
  })

  it('works off what is due, in batches, until nothing is', async () => {
    claimDue.mockResolvedValueOnce([aDue('a'), aDue('b')]).mockResolvedValueOnce([aDue('c')])
    await queue.resume()
    expect(claimDue.mock.calls).toEqual([[200], [200], [200]])
    expect(revoke.mock.calls).toEqual([['a'], ['b'], ['c']])
    expect(logLines).toEqual([])
  })

  it('tries each once then: those that cannot be revoked do not hold the others up', async () => {
    revoke.mockImplementation(async (id) => {
      if (id !== 'good') throw new TypeError('fetch failed')
    })
    const bad = Array.from({ length: 30 }, (_, n) => aDue(`bad ${n}`, { attempts: 3 }))
    claimDue.mockResolvedValueOnce(bad).mockResolvedValueOnce([aDue('good')])
    await queue.resume()
    expect(revoke).toHaveBeenCalledTimes(31)
    expect(revoke).toHaveBeenLastCalledWith('good')
    expect(logLines).toHaveLength(30)
    expect(logLines[0]).toMatch(/"issuer":"https:\/\/pds.test","attempts":4/)
  })

  it('asks at most twenty servers at once', async () => {
    let underWay = 0
    let most = 0
    revoke.mockImplementation(async () => {
      most = Math.max(most, ++underWay)
      await new Promise((resolve) => setTimeout(resolve, 1000))
      underWay--
    })
    claimDue.mockResolvedValueOnce(Array.from({ length: 50 }, (_, n) => aDue(`grant ${n}`)))
    const resumed = queue.resume()
    await pass(HOUR)
    await resumed
    expect(most).toBe(20)
    expect(revoke).toHaveBeenCalledTimes(50)
  })

  it('gives up what no server honours any more, and what no attempt has helped, without asking', async () => {
    claimDue.mockResolvedValueOnce([
      aDue('expired', { hasExpired: true }),
      aDue('tried out', { attempts: 14, isTriedOut: true }),
      aDue('both', { hasExpired: true, isTriedOut: true }),
    ])
    await queue.resume()
    expect(revoke).not.toHaveBeenCalled()
    expect(deleteGivenUp.mock.calls).toEqual([[['expired', 'tried out', 'both']]])
    expect(logLines).toEqual([
      expect.stringMatching(/"level":30.*"grants":2.*expired/),
      expect.stringMatching(/"level":40,.*"grantId":"tried out","issuer":"https:\/\/pds.test","attempts":14.*given up/),
    ])
  })

  it('works off once at a time, and anew after an outage', async () => {
    claimDue.mockRejectedValueOnce(new Error('database is away'))
    await Promise.all([queue.resume(), queue.resume()])
    expect(claimDue).toHaveBeenCalledTimes(1)
    expect(logLines).toEqual([expect.stringMatching(/"level":40.*database is away/)])
    claimDue.mockResolvedValueOnce([aDue('a')])
    await queue.resume()
    expect(revoke.mock.calls).toEqual([['a']])
  })

  it('closes when what is in progress is done, and begins nothing after', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    revoke.mockReturnValue(promise)
    queue.revokeSoon('a')
    claimDue.mockResolvedValueOnce(Array.from({ length: 50 }, (_, n) => aDue(`grant ${n}`)))
    void queue.resume()
    await pass(1)
    let isClosed = false
    const closed = queue.close().then(() => {
      isClosed = true
    })
    queue.revokeSoon('b')
    await pass(1)
    expect(isClosed).toBe(false)
    resolve()
    await closed
    expect(revoke).toHaveBeenCalledTimes(21)
    expect(claimDue).toHaveBeenCalledTimes(1)
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
