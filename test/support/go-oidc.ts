import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Where Debian puts the sources of packages (golang-github-coreos-go-oidc-dev). */
const SOURCES = '/usr/share/gocode'

/** Whether this machine has Go and go-oidc. */
export async function hasGoOidc(): Promise<boolean> {
  const hasGo = await run('go', ['version']).then(
    () => true,
    () => false,
  )
  return hasGo && existsSync(join(SOURCES, 'src/github.com/coreos/go-oidc'))
}

/** examples/services/verify_identity.go, built. */
export type GoVerifier = AsyncDisposable & {
  /** The claims of a token, or null when it is refused. */
  verify(token: string, service: { gateway: string; audience: string }): Promise<Record<string, unknown> | null>
}

/** Builds the example by Debian's packages, without the internet. Its newer name of go-oidc leads to theirs. */
export async function buildGoVerifier(): Promise<GoVerifier> {
  const folder = await mkdtemp(join(tmpdir(), 'atgate-go-'))
  const newer = join(folder, 'src/github.com/coreos/go-oidc/v3/oidc')
  await mkdir(dirname(newer), { recursive: true })
  await symlink(join(SOURCES, 'src/github.com/coreos/go-oidc'), newer)
  const program = join(folder, 'verify_identity')
  const env = { ...process.env, GO111MODULE: 'off', GOPATH: `${folder}:${SOURCES}`, GOCACHE: join(folder, 'cache') }
  await run('go', ['build', '-o', program, 'examples/services/verify_identity.go'], { env })
  return {
    async verify(token, { gateway, audience }) {
      try {
        const { stdout } = await run(program, [gateway, audience, token])
        return JSON.parse(stdout) as Record<string, unknown>
      } catch (error) {
        if (error instanceof Error && 'stderr' in error && String(error.stderr).startsWith('refused: ')) return null
        throw error
      }
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  }
}
