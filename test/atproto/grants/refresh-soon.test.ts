import { beforeEach, describe, expect, it, vi } from 'vitest'
import { createRefreshSoon } from '../../../src/atproto/grants/refresh-soon.ts'
import { GrantLost } from '../../../src/atproto/grants/rows.ts'
import { createBackground } from '../../../src/platform/background.ts'
import { GatewayError } from '../../../src/platform/errors.ts'
import { createLogger } from '../../../src/platform/logger.ts'
import { createMovableClock, type MovableClock } from '../../support/movable-clock.ts'

const SECOND = 1000

describe('refreshing a grant in the background', () => {
  const tryRefresh = vi.fn<(wish: { id: string }) => Promise<null>>()
  let background: ReturnType<typeof createBackground>
  let refreshSoon: (id: string) => void
  let logLines: string[]
  let clock: MovableClock

  beforeEach(() => {
    clock = createMovableClock()
    tryRefresh.mockReset().mockResolvedValue(null)
    logLines = []
    background = createBackground()
    const logger = createLogger({ level: 'info', destination: { write: (line) => void logLines.push(line) } })
    refreshSoon = createRefreshSoon({ refresher: { tryRefresh }, background, clock, logger })
  })

  const attempts = () => tryRefresh.mock.calls.map(([{ id }]) => id)

  it('is begun by the first of all who ask within ten seconds, each grant for itself', () => {
    for (const id of ['a', 'a', 'b', 'a']) refreshSoon(id)
    clock.advance(9 * SECOND)
    refreshSoon('a')
    expect(attempts()).toEqual(['a', 'b'])
    clock.advance(SECOND + 1)
    refreshSoon('a')
    expect(attempts()).toEqual(['a', 'b', 'a'])
  })

  it.each<[string, Error, number, number]>([
    ['a minute', new GatewayError('PDS_UNAVAILABLE', 'away'), 60 * SECOND, 40],
    ['ten seconds', new GatewayError('SERVICE_UNAVAILABLE', 'away'), 10 * SECOND, 40],
    ['ten seconds', new GrantLost('lost'), 10 * SECOND, 30],
  ])('is not begun anew for %s after %s, which the log tells', async (_time, error, pause, level) => {
    tryRefresh.mockRejectedValue(error)
    refreshSoon('a')
    await background.settle()
    expect(logLines).toEqual([expect.stringMatching(`"level":${level}.*${error.message}.*grant not refreshed`)])
    clock.advance(pause - SECOND)
    refreshSoon('a')
    expect(attempts()).toEqual(['a'])
    clock.advance(SECOND + 1)
    refreshSoon('a')
    expect(attempts()).toEqual(['a', 'a'])
  })
})
