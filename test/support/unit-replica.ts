import { createRevocationQueue } from '../../src/atproto/grants/revocation-queue.ts'
import type { Gateway } from '../../src/gateway.ts'
import { createProvenTokens } from '../../src/platform/proven-tokens.ts'
import { createReadCache } from '../../src/platform/read-cache.ts'
import { createSharedSources } from '../../src/platform/shared-sources.ts'
import { type GrantProcess, startGrantProcess } from './grant-process.ts'
import type { TokenServer } from './token-server.ts'
import type { UnitGateway } from './unit-gateway.ts'

/** One of several gateways over the same stores, whose grants are a token server's. */
export type UnitReplica = Gateway & {
  /** The token set that a call to the PDS would use. */
  use: GrantProcess['use']
  /** Waits until every grant that is to be revoked was, and refreshed ones are stored; it revokes nothing afterwards. */
  settle(): Promise<void>
}

/** Starts another replica of a gateway. All of them have its stores and its clock, and nothing else in common. */
export function startUnitReplica(gateway: UnitGateway, server: TokenServer): UnitReplica {
  const { stores, runtime } = gateway
  const { grants, use } = startGrantProcess({ stores, server })
  const revocations = createRevocationQueue({ grants, logger: runtime.logger })
  return {
    ...gateway,
    atproto: { ...gateway.atproto, grants, revocations },
    runtime: {
      ...runtime,
      sources: createSharedSources(),
      provenTokens: createProvenTokens(),
      sessionCache: createReadCache({ now: gateway.clock.monotonic }),
    },
    use,
    async settle() {
      await revocations.resume()
      await revocations.close()
      await grants.close(5000)
    },
  }
}
