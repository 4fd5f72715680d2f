import { type Logger, pino } from 'pino'

export type { Logger }

/**
 * The structured log, JSON lines on standard output. What is logged is chosen field by field at each call; the redaction here
 * is the second line of defence for fields that hold secrets in the libraries below us.
 */
export function createLogger(options: { level: string; destination?: { write(line: string): void } }): Logger {
  const settings = { level: options.level, redact: { paths: SECRET_FIELDS, censor: '[redacted]' } }
  return options.destination === undefined ? pino(settings) : pino(settings, options.destination)
}

const SECRET_FIELDS = [
  'authorization',
  'cookie',
  'access_token',
  'refresh_token',
  'dpopJwk',
  'tokenSet',
  'verifier',
  'code',
  'state',
  'exchangeToken',
  'sessionToken',
].flatMap((name) => [`*.${name}`, `*.*.${name}`])
