import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Debian's own: another one on the PATH may lack its packages. */
const PYTHON = '/usr/bin/python3'

/** Whether this machine has Authlib (Debian: python3-authlib). */
export async function hasAuthlib(): Promise<boolean> {
  return run(PYTHON, ['-c', 'from authlib.jose import JsonWebToken']).then(
    () => true,
    () => false,
  )
}

/**
 * Verifies an identity token in Python by Authlib, as examples/services/verify_identity.py shows it.
 * @returns the claims, or null when it refuses the token
 */
export async function verifyByAuthlib(
  token: string,
  { gateway, audience }: { gateway: string; audience: string },
): Promise<Record<string, unknown> | null> {
  try {
    const { stdout } = await run(PYTHON, ['examples/services/verify_identity.py', gateway, audience, token])
    return JSON.parse(stdout) as Record<string, unknown>
  } catch (error) {
    if (error instanceof Error && 'stderr' in error && String(error.stderr).startsWith('refused: ')) return null
    throw error
  }
}
