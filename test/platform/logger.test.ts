import { describe, expect, it } from 'vitest'
import { GatewayError } from '../../src/platform/errors.ts'
import { createLogger, logGatewayError } from '../../src/platform/logger.ts'

/** What the log says of these fields. */
function logged(fields: object): Record<string, unknown> {
  const lines: string[] = []
  createLogger({ level: 'info', destination: { write: (line) => void lines.push(line) } }).info(fields, 'message')
  return JSON.parse(String(lines[0]))
}

const SECRET = 'hunter2'

describe('the log', () => {
  it.each([
    'authorization',
    'cookie',
    'access_token',
    'refresh_token',
    'dpopJwk',
    'tokenSet',
    'verifier',
    'state',
    'exchangeToken',
    'sessionToken',
  ])('hides %s in an object, and in an object inside it', (name) => {
    const fields = { request: { [name]: SECRET, id: 7, headers: { [name]: { nested: SECRET }, host: 'a' } } }
    expect(logged(fields)).toMatchObject({
      request: { [name]: '[redacted]', id: 7, headers: { [name]: '[redacted]', host: 'a' } },
    })
    expect(JSON.stringify(logged({ items: [{ [name]: SECRET }] }))).not.toContain(SECRET)
  })

  it('hides what a library hangs on an error', () => {
    const error = Object.assign(new Error('refused'), { tokenSet: SECRET, request: { authorization: SECRET } })
    const line = logged({ err: error })
    expect(line).toMatchObject({ err: { message: 'refused', tokenSet: '[redacted]' } })
    expect(JSON.stringify(line)).not.toContain(SECRET)
  })

  it.each(['query', 'params', 'searchParams', 'body'])('hides an authorization code in the %s of a request', (name) => {
    const parsed = { [name]: { code: SECRET, iss: 'a' } }
    const hidden = { [name]: { code: '[redacted]', iss: 'a' } }
    expect(logged({ ...parsed, request: parsed })).toMatchObject({ ...hidden, request: hidden })
  })

  it('shows the code of an error, also of one within it, which tells an operator what went wrong', () => {
    const refused = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })
    const error = Object.assign(new Error('query'), { code: 'P1001', meta: { code: '57P01' }, reason: refused })
    expect(logged({ err: error, code: 'failed' })).toMatchObject({
      err: { code: 'P1001', meta: { code: '57P01' }, reason: { code: 'ECONNREFUSED' } },
      code: 'failed',
    })
  })

  it('shows the messages of an error and of its causes', () => {
    const cause = new Error('the reason')
    expect(JSON.stringify(logged({ err: new Error('what happened', { cause }) }))).toMatch(/what happened.*the reason/)
  })

  it('leaves out what is below its level', () => {
    const lines: string[] = []
    const logger = createLogger({ level: 'warn', destination: { write: (line) => void lines.push(line) } })
    logger.info('a')
    logger.warn('b')
    expect(lines).toEqual([expect.stringContaining('"msg":"b"')])
  })
})

function aLog() {
  const lines: string[] = []
  const logger = createLogger({ level: 'info', destination: { write: (line) => void lines.push(line) } })
  return { logger, entries: () => lines.map((line) => JSON.parse(line)) }
}

it('logs a failed store or server as a warning, and any other refusal as information', () => {
  const { logger, entries } = aLog()
  logGatewayError(logger, new GatewayError('PDS_UNAVAILABLE', 'down', { cause: new Error('refused') }), { reqId: '1' })
  logGatewayError(logger, new GatewayError('FORBIDDEN', 'no', { detail: 'origin absent' }))
  expect(entries()).toMatchObject([
    { level: 40, msg: 'down', code: 'PDS_UNAVAILABLE', err: { message: 'refused' }, reqId: '1' },
    { level: 30, msg: 'no', code: 'FORBIDDEN', detail: 'origin absent' },
  ])
})

it('does not log a refusal that has neither a cause nor a detail', () => {
  const { logger, entries } = aLog()
  logGatewayError(logger, new GatewayError('BAD_USER_INPUT', 'Give each parameter once.'))
  expect(entries()).toEqual([])
})
