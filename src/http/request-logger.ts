import type { FastifyBaseLogger } from 'fastify'

type Bindings = Record<string, unknown>
type Options = Parameters<FastifyBaseLogger['child']>[1]
type Level = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent'
type Entry = [fields: object | string, message?: string, ...values: unknown[]]

/**
 * Makes the logger of one request, which marks its lines as those of the request. Few requests log anything by it, and
 * to make a child of pino's takes longer than many a request: that is done with the first line.
 */
export function requestLogger(logger: FastifyBaseLogger, bindings: Bindings, options?: Options): FastifyBaseLogger {
  return new RequestLogger(() => logger.child(bindings, options), logger)
}

class RequestLogger implements FastifyBaseLogger {
  readonly #parent: FastifyBaseLogger
  readonly #make: () => FastifyBaseLogger
  #made: FastifyBaseLogger | undefined

  constructor(make: () => FastifyBaseLogger, parent: FastifyBaseLogger) {
    this.#make = make
    this.#parent = parent
  }

  get level(): string {
    return this.#parent.level
  }

  child(bindings: Bindings, options?: Options): FastifyBaseLogger {
    return this.#child().child(bindings, options)
  }

  fatal(...entry: Entry): void {
    this.#log('fatal', entry)
  }

  error(...entry: Entry): void {
    this.#log('error', entry)
  }

  warn(...entry: Entry): void {
    this.#log('warn', entry)
  }

  info(...entry: Entry): void {
    this.#log('info', entry)
  }

  debug(...entry: Entry): void {
    this.#log('debug', entry)
  }

  trace(...entry: Entry): void {
    this.#log('trace', entry)
  }

  silent(...entry: Entry): void {
    this.#log('silent', entry)
  }

  #child(): FastifyBaseLogger {
    this.#made ??= this.#make()
    return this.#made
  }

  #log(level: Level, entry: Entry): void {
    const child: Record<Level, (...entry: Entry) => void> = this.#child()
    child[level](...entry)
  }
}
