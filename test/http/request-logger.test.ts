import type { FastifyBaseLogger } from 'fastify'
import { beforeEach, describe, expect, it, type Mock, vi } from 'vitest'
import { requestLogger } from '../../src/http/request-logger.ts'
import { createLogger } from '../../src/platform/logger.ts'

describe('the logger of a request', () => {
  let lines: Record<string, unknown>[]
  let child: Mock
  let logger: FastifyBaseLogger

  beforeEach(() => {
    lines = []
    const parent = createLogger({ level: 'debug', destination: { write: (line) => void lines.push(JSON.parse(line)) } })
    child = vi.spyOn(parent, 'child')
    logger = requestLogger(parent as FastifyBaseLogger, { reqId: 'one' })
  })

  it('marks each of its lines with the request, at the level of the gateway', () => {
    logger.error({ err: new Error('no') }, 'failed')
    logger.warn('careful')
    logger.info({ number: 1 }, 'done')
    logger.debug('detail')
    logger.trace('too much')
    expect(lines.map(({ level, reqId, msg }) => [level, reqId, msg])).toEqual([
      [50, 'one', 'failed'],
      [40, 'one', 'careful'],
      [30, 'one', 'done'],
      [20, 'one', 'detail'],
    ])
    expect([lines[0], lines[2]]).toMatchObject([{ err: { message: 'no' } }, { number: 1 }])
    expect(logger.level).toBe('debug')
  })

  it('redacts as the log does', () => {
    logger.error({ headers: { authorization: 'secret' } }, 'failed')
    expect(lines[0]).toMatchObject({ reqId: 'one', headers: { authorization: '[redacted]' } })
  })

  it('has children that are of the request too', () => {
    logger.child({ part: 'two' }).fatal('over')
    expect(lines[0]).toMatchObject({ level: 60, reqId: 'one', part: 'two' })
  })

  it('is made of the log once, with its first line', () => {
    expect(child).not.toHaveBeenCalled()
    logger.info('one')
    logger.info('two')
    expect(child).toHaveBeenCalledOnce()
  })
})
