import type { SessionContext, SessionPlan } from './flow-definition.ts'

/** The session of a client that signs in: a browser where a cookie binds the flow, else an SDK. */
export function clientSession({ binding, config }: SessionContext): SessionPlan {
  return { kind: binding.kind === 'cookie' ? 'BROWSER' : 'SDK', name: null, days: config.sessionDays }
}
