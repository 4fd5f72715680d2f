import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

/** One of the gateway's processes, as an operator runs it. */
export type Replica = {
  name: string
  url: string
  /** Whether it was killed, or not yet back, at some moment between these two (`performance.now()`). */
  wasAway(from: number, to: number): boolean
  /** Ends it as a crash does. Returns when it has ended. */
  kill(): Promise<void>
  /** Starts it again after a kill. Returns when it is ready. */
  start(): Promise<void>
  stop(): Promise<void>
}

type Options = {
  name: string
  port: number
  env: Record<string, string>
  cwd: string
  logFile: string
  /** Called when it ends though nobody has ended it. It is then started again, as by a supervisor. */
  onCrash(how: { name: string; code: number | null; signal: string | null }): void
}

const PROGRAM = fileURLToPath(new URL('../../bin/atgate.js', import.meta.url))

/** A connection that was open at a kill can be found dead a moment later. */
const AFTERMATH = 1000

const LONGEST_START = 60_000

export async function startReplica({ name, port, env, cwd, logFile, onCrash }: Options): Promise<Replica> {
  const url = `http://127.0.0.1:${port}`
  const log = openSync(logFile, 'a')
  const absences: { from: number; to: number }[] = []
  let isReadyOnce = false
  let isToEnd = false
  let child = run()

  function run(): ChildProcess {
    const started = spawn(process.execPath, [PROGRAM], {
      cwd,
      env: { PATH: process.env.PATH ?? '', ...env, PORT: String(port) },
      stdio: ['ignore', log, log],
    })
    started.once('exit', (code, signal) => {
      if (isToEnd || !isReadyOnce) return
      onCrash({ name, code, signal })
      noteAbsence()
      // One that does not start again is found by those whom nobody serves.
      startAgain().catch(() => undefined)
    })
    return started
  }

  function noteAbsence() {
    absences.push({ from: performance.now(), to: Number.POSITIVE_INFINITY })
  }

  async function startAgain() {
    isToEnd = false
    child = run()
    await ready()
    const absence = absences.at(-1)
    if (absence !== undefined) absence.to = performance.now()
  }

  async function ready() {
    const deadline = performance.now() + LONGEST_START
    while (!(await isReady(url))) {
      if (child.exitCode !== null || performance.now() > deadline) throw new Error(`${name} did not start: ${logFile}`)
      await sleep(100)
    }
    isReadyOnce = true
  }

  async function end(how: NodeJS.Signals) {
    isToEnd = true
    if (child.exitCode !== null || child.signalCode !== null) return
    const exit = once(child, 'exit')
    child.kill(how)
    await exit
  }

  await ready()
  return {
    name,
    url,
    wasAway: (from, to) => absences.some((absence) => absence.from <= to && from <= absence.to + AFTERMATH),
    async kill() {
      noteAbsence()
      await end('SIGKILL')
    },
    start: startAgain,
    stop: () => end('SIGTERM'),
  }
}

async function isReady(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(5000) })
    await response.text()
    return response.ok
  } catch {
    return false
  }
}
