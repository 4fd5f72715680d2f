import type { Clock } from '../clock.ts'
import type { Config } from '../config.ts'
import type { Logger } from '../logger.ts'
import type { OAuthClients } from '../oauth/client.ts'
import type { Credentials } from '../oauth/credential.ts'
import type { Identities } from '../oauth/identity.ts'
import type { Profiles } from '../oauth/profile.ts'
import type { Revocation } from '../oauth/revocation.ts'
import type { EphemeralStore } from '../store/ephemeral-store.ts'
import type { PrismaClient } from '../store/generated/client.ts'
import type { Sealer } from '../store/seal.ts'

/** Everything the gateway's functions work with, built once in app.ts. Each function names the parts that it uses. */
export type Gateway = {
  readonly config: Config
  readonly clock: Clock
  readonly logger: Logger
  readonly db: PrismaClient
  readonly ephemeral: EphemeralStore
  readonly sealer: Sealer
  readonly clients: OAuthClients
  readonly identities: Identities
  readonly profiles: Profiles
  readonly credentials: Credentials
  readonly revocation: Revocation
  /** Aborted when the gateway takes no more requests; what would go on without end stops then. */
  readonly closing: AbortSignal
}
