import { type DestinationStream, pino } from 'pino'

/** How long a line waits for others, in milliseconds. */
const WAIT = 10

/** How many lines are written at once, at most. */
const MAX_LINES = 100

/** How pino begins a line from a warning on. */
const URGENT = /^\{"level":[456]/

/**
 * Standard output for the log. Lines that come soon after each other are written together: to hand a line to the system
 * takes longer than to make it. Warnings and errors are written at once, with what waits, and so is the rest when the
 * process exits. Only a process that is killed loses the lines of its last milliseconds.
 */
export function createLogOutput(): DestinationStream {
  const output = new LogOutput(pino.destination())
  // Before pino's own listeners, which write what it has.
  process.prependListener('beforeExit', () => output.flush())
  process.prependListener('exit', () => output.flush())
  return output
}

type Output = { write(text: string): unknown; flushSync(): void }

export class LogOutput implements DestinationStream {
  readonly #output: Output
  #lines: string[] = []
  #timer: NodeJS.Timeout | null = null

  constructor(output: Output) {
    this.#output = output
  }

  write(line: string): void {
    this.#lines.push(line)
    if (this.#lines.length === MAX_LINES || URGENT.test(line)) this.flush()
    else this.#timer ??= setTimeout(() => this.flush(), WAIT).unref()
  }

  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    if (this.#lines.length > 0) this.#output.write(this.#lines.join(''))
    this.#lines = []
  }

  /** Called by pino after a fatal line. */
  flushSync(): void {
    this.flush()
    this.#output.flushSync()
  }
}
