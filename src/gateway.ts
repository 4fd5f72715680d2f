import type { OAuthClients } from './atproto/client.ts'
import type { Grants } from './atproto/grants/grants.ts'
import type { RevocationQueue } from './atproto/grants/revocation-queue.ts'
import type { Identities } from './atproto/identity.ts'
import type { PdsCalls } from './atproto/pds/pds-calls.ts'
import type { Profiles } from './atproto/profile.ts'
import type { ScopeRefusals } from './atproto/push/scope-refusals.ts'
import type { PermissionSets } from './atproto/scopes/permission-sets.ts'
import type { Config } from './config/config.ts'
import type { Clock } from './platform/clock.ts'
import type { Limits } from './platform/limits.ts'
import type { Logger } from './platform/logger.ts'
import type { ProvenTokens } from './platform/proven-tokens.ts'
import type { ReadCache } from './platform/read-cache.ts'
import type { SharedSources } from './platform/shared-sources.ts'
import type { StreamSlots } from './platform/stream-slots.ts'
import type { EphemeralStore } from './store/ephemeral/ephemeral-store.ts'
import type { Sealer } from './store/sealing/sealer.ts'
import type { PrismaClient } from './store/sql/generated/client.ts'
import type { ReadText } from './store/sql/prepared-read.ts'

/** Where the gateway keeps things. */
export type Stores = {
  readonly db: PrismaClient
  /** Finds what most requests ask for, with less work than `db`. */
  readonly readText: ReadText
  readonly ephemeral: EphemeralStore
  readonly sealer: Sealer
}

/** The gateway as an OAuth client of its users' servers. */
export type Atproto = {
  readonly clients: OAuthClients
  readonly identities: Identities
  readonly profiles: Profiles
  readonly permissionSets: PermissionSets
  readonly scopeRefusals: ScopeRefusals
  /** Whether an account is where its DID document says. Never rejects. */
  isAccountKnown(did: string): Promise<boolean>
  readonly grants: Grants
  readonly pds: PdsCalls
  readonly revocations: RevocationQueue
}

/** What every running process has. */
export type Runtime = {
  readonly clock: Clock
  readonly logger: Logger
  /** Aborted when the process is about to end: it still answers, but new clients are better served elsewhere. */
  readonly leaving: AbortSignal
  /** Aborted when the gateway takes no more requests; whatever would go on without end stops then. */
  readonly closing: AbortSignal
  /** The places for event streams, which a process has a number of. */
  readonly streams: StreamSlots
  /** What several event streams listen to together. */
  readonly sources: SharedSources
  readonly limits: Limits
  readonly provenTokens: ProvenTokens
  /** What tokens stand for, as it was read a moment ago. Each change invalidates it. */
  readonly sessionCache: ReadCache
}

/** The parts of a running gateway, built once in app.ts. Each function names the parts that it uses. */
export type Gateway = {
  readonly config: Config
  readonly stores: Stores
  readonly atproto: Atproto
  readonly runtime: Runtime
}
