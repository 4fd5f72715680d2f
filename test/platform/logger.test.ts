import { expect, it } from 'vitest'
import { GatewayError } from '../../src/platform/errors.ts'
import { createLogger, logGatewayError } from '../../src/platform/logger.ts'

function aLog() {
  const lines: string[] = []
  const logger = createLogger({ level: 'info', destination: { write: (line) => void lines.push(line) } })
  return { logger, entries: () => lines.map((line) => JSON.parse(line)) }
}

it('redacts fields that hold secrets, one and two levels down', () => {
  const { logger, entries } = aLog()
  const secrets = {
    code: 'secret',
    state: 'secret',
    access_token: 'secret',
    refresh_token: 'secret',
    verifier: 'secret',
  }
  logger.info({ params: secrets, request: { params: secrets, headers: { authorization: 'secret', cookie: 'secret' } } })
  expect(JSON.stringify(entries())).not.toContain('secret')
})

it('shows the code of an error', () => {
  const { logger, entries } = aLog()
  const err = Object.assign(new Error('connect'), { code: 'ECONNREFUSED', state: 'secret' })
  logger.warn({ err })
  expect(entries()).toMatchObject([{ err: { code: 'ECONNREFUSED', state: '[redacted]' } }])
})

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
