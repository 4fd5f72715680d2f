import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** A program of this project in a process of its own. */
export type Program = {
  /** Everything that it has written so far. */
  output(): string
  /** Waits until it has written `text`. */
  says(text: string, ms?: number): Promise<void>
  hasExited(): boolean
  /** Its exit code, once it has ended; null when a signal ended it. */
  exitCode(): Promise<number | null>
  signal(signal: 'SIGINT' | 'SIGTERM' | 'SIGKILL'): void
}

/** Spares each program a third of a second. */
const COMPILED = fileURLToPath(new URL('../../node_modules/.cache/atgate/compiled', import.meta.url))

/** Starts `file` (from the project's root) with an environment that has nothing of ours but `env`. */
export function startProgram(
  file: string,
  { cwd, env, args = [] }: { cwd: string; env: Record<string, string>; args?: string[] },
): Program {
  const path = fileURLToPath(new URL(`../../${file}`, import.meta.url))
  const child = spawn(process.execPath, [path, ...args], {
    cwd,
    env: { PATH: process.env.PATH ?? '', NODE_COMPILE_CACHE: COMPILED, ...env },
  })
  const exit = once(child, 'exit') as Promise<[number | null]>
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
  return {
    output: () => output,
    async says(text, ms = 120_000) {
      const deadline = Date.now() + ms
      while (!output.includes(text)) {
        if (Date.now() > deadline || child.exitCode !== null) throw new Error(`never said "${text}", but: ${output}`)
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    },
    hasExited: () => child.exitCode !== null,
    exitCode: async () => (await exit)[0],
    signal: (signal) => void child.kill(signal),
  }
}
