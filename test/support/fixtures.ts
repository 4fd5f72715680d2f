import { openAsBlob } from 'node:fs'
import { inject } from 'vitest'
import type { PublicNameCertificate } from './public-name.ts'
import type { ServedPublisher } from './publisher.ts'

/** What takes seconds to make and is shared by the files of a run. Each is made when the first test asks for it. */
export type Fixtures = {
  /**
   * The atproto network at `plcUrl` and `pdsUrl`, the certificate that its PDS accepts for the public name, and who
   * publishes its permission sets.
   */
  network: { publicName: PublicNameCertificate; publisher: ServedPublisher }
  /** The file of a dumped PGlite with every migration, to start from. */
  pgliteImage: string
  /** The name of a PostgreSQL database with every migration, to copy. */
  template: string
}

/** Waits until the test run has made this. */
export async function fixture<Name extends keyof Fixtures>(name: Name): Promise<Fixtures[Name]> {
  const response = await fetch(`${inject('fixturesUrl')}/${name}`)
  if (!response.ok) throw new Error(`the test run could not make ${name}: ${await response.text()}`)
  return (await response.json()) as Fixtures[Name]
}

/** The dumped PGlite, as it is loaded. */
export const pgliteImage = async () => openAsBlob(await fixture('pgliteImage'))
