import { type Logger, pino } from 'pino'
import type { GatewayError } from './errors.ts'

export type { Logger }

/**
 * The structured log: JSON lines on standard output. Each call chooses its fields one by one; the redaction here is the
 * second line of defence, for fields that hold secrets in the libraries that we use.
 */
export function createLogger(options: { level: string; destination?: { write(line: string): void } }): Logger {
  const settings = {
    level: options.level,
    redact: { paths: [...SECRET_FIELDS, ...AUTHORIZATION_CODES], censor: '[redacted]' },
  }
  return options.destination === undefined ? pino(settings) : pino(settings, options.destination)
}

/**
 * The same log for lines that have only texts and numbers of our own choosing: nothing in them is looked through for
 * secrets, which takes longer than all else that a line costs.
 */
export function plainLog(logger: Logger): Logger {
  return logger.child({}, { redact: [] })
}

/**
 * Logs the detail and the cause of a gateway error, which its client is not told: as a warning if a server or store
 * failed.
 */
export function logGatewayError(
  logger: Pick<Logger, 'info' | 'warn'>,
  { code, message, detail, cause, status }: GatewayError,
  request: Readonly<Record<string, unknown>> = {},
): void {
  if (cause === undefined && detail === undefined) return
  logger[status >= 500 ? 'warn' : 'info']({ ...request, err: cause, code, detail }, message)
}

const SECRET_FIELDS = [
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
].flatMap((name) => [`*.${name}`, `*.*.${name}`])

/**
 * Where a parsed request may hold an authorization code. By the whole path: any other `code` is that of an error
 * (`ECONNREFUSED`) and says what failed.
 */
const AUTHORIZATION_CODES = ['query', 'params', 'searchParams', 'body'].flatMap((name) => [
  `${name}.code`,
  `*.${name}.code`,
])
