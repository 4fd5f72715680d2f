import { hostname } from 'node:os'
import { type DestinationStream, type Logger, pino } from 'pino'
import type { GatewayError } from './errors.ts'
import { createLogOutput } from './log-output.ts'

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
  return pino(settings, options.destination ?? createLogOutput())
}

/**
 * Writes lines to the same log that have only texts and numbers of our own choosing. Pino looks for secrets in each line,
 * and puts it together from many pieces, which takes several times longer.
 */
export function plainLog<Fields extends Record<string, string | number>>(
  logger: Logger,
  message: string,
): (level: 'info' | 'debug', fields: Fields) => void {
  const output = (logger as unknown as Record<symbol, DestinationStream>)[pino.symbols.streamSym]
  // Pino's own two are not among those that it tells.
  const bindings = membersOf({ pid: process.pid, hostname: hostname(), ...logger.bindings() })
  const end = membersOf({ msg: message })
  return (level, fields) => {
    if (!logger.isLevelEnabled(level)) return
    const begin = `{"level":${LEVELS[level]},"time":${Date.now()}`
    output?.write(`${begin},${bindings},${membersOf(fields)},${end}}\n`)
  }
}

/** As pino counts them. */
const LEVELS = { debug: 20, info: 30 }

/** The members of an object, as JSON has them between its braces. */
function membersOf(values: object): string {
  return JSON.stringify(values).slice(1, -1)
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
