import { readdirSync, readFileSync } from 'node:fs'
import { hasErrorCode } from '../../../src/platform/errors.ts'

/** The processes that a process has started. Each backend of PostgreSQL is in a process group of its own. */
export function childrenOf(pid: number): number[] {
  const pids = readdirSync('/proc').map(Number).filter(Number.isInteger)
  return pids.filter((child) => parentOf(child) === pid)
}

/** Null when the process has ended meanwhile. The name of a program may hold spaces and brackets. */
function parentOf(pid: number): number | null {
  try {
    const [, parent] = /^.*\) \S (\d+) /s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? []
    return Number(parent)
  } catch {
    return null
  }
}

/** Sends a signal to a process that may have ended. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch (error) {
    if (!hasErrorCode(error, 'ESRCH')) throw error
  }
}
