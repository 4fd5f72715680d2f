import type { OAuthClients } from './atproto/client.ts'
import type { Credentials } from './atproto/grants/grants.ts'
import type { Revocation } from './atproto/grants/revocation-queue.ts'
import type { Identities } from './atproto/identity.ts'
import type { Profiles } from './atproto/profile.ts'
import type { Config } from './config/config.ts'
import type { Clock } from './platform/clock.ts'
import type { Logger } from './platform/logger.ts'
import type { EphemeralStore } from './store/ephemeral/ephemeral-store.ts'
import type { Sealer } from './store/sealing/sealer.ts'
import type { PrismaClient } from './store/sql/generated/client.ts'

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
