import { MINUTE } from '../platform/clock.ts'

/** How long a person has to come back from the authorization server. */
export const PENDING_FLOW_TTL = 10 * MINUTE
