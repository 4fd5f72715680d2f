import { z } from 'zod'
import type { Prompt } from '../atproto/push/authorization-request.ts'
import type { Config } from '../config/config.ts'
import type { Gateway } from '../gateway.ts'
import type { Session } from '../store/sql/generated/client.ts'
import type { Admission, Admitted } from './admission.ts'
import type { ClientBinding } from './client-binding.ts'
import type { Starter } from './starter.ts'

export const flowKindSchema = z.enum(['login', 'create_account', 'add_account', 'scope_upgrade', 'developer_token'])

export type FlowKind = z.output<typeof flowKindSchema>

/** What to ask the authorization server for, and what to remember until the callback. */
export type FlowStart<Purpose> = {
  /** A handle, a DID, or the URL of a server. */
  input: string
  /** What must be granted. */
  scopes: readonly string[]
  /** What is asked for too, and may be missing. By default nothing. */
  optionalScopes?: readonly string[]
  /** Whether the flow is for the optional scopes: one in which the server grants none of them is refused. */
  needsOptional?: boolean
  /**
   * The DID of the account that is meant: no other may finish the flow. Null where the user chooses it at the server.
   */
  account: string | null
  purpose: Purpose
  /** Instead of the prompt of the kind. */
  prompt?: Prompt
}

/** What a flow is for, as its session is made. */
export type SessionPlan = Pick<Session, 'kind' | 'name'> & {
  /** For how many days the session lasts unless it slides; never past its grant. */
  days: number
}

/** What a flow's session depends on besides its purpose. */
export type SessionContext = { binding: ClientBinding; config: Config }

/** A kind of flow: everything in which it differs from the others. */
type FlowSpec<Request, Purpose> = {
  readonly kind: FlowKind
  /** What is remembered of the start, read again at the callback and at the exchange. */
  readonly purpose: z.ZodType<Purpose>
  /** What the user is asked on the authorization server's pages; null leaves it to the server. */
  readonly prompt: Prompt | null
  /** What the frontend is told beside the exchange token. */
  readonly outcome: Readonly<Record<string, string>>
  /** Whether an account that this gateway has never seen returns to NEW_ACCOUNT_PATH. */
  readonly welcomesNewcomers: boolean
  /** Whether a browser has to show, at the callback and at the exchange, a session cookie of the starter's group. */
  readonly staysInGroup: boolean
  /** Checks the request and decides what to ask for. Nothing has been pushed or stored yet. */
  start(gateway: Gateway, request: Request): FlowStart<Purpose> | Promise<FlowStart<Purpose>>
  /** Who began the flow from within a session, and has to be signed in until its end. */
  starter(purpose: Purpose): Starter | null
  /** The session that the callback makes. */
  session(purpose: Purpose, context: SessionContext): SessionPlan
  /**
   * Gives the session its place at the exchange.
   * @throws NotAdmitted
   */
  admit(admission: Admission, purpose: Purpose): Promise<Admitted>
  /** Forgets what the start has recorded, after a refusal. */
  abandon?(gateway: Gateway, purpose: Purpose): Promise<void>
}

/** A kind of flow, to start one or to resume one that was stored. */
export type FlowDefinition<Request> = Pick<FlowSpec<Request, unknown>, 'kind' | 'prompt' | 'start'> & {
  /**
   * Reads the stored purpose of a flow of this kind.
   * @throws ZodError when it does not have the form of one
   */
  resume(purpose: unknown): Flow
}

/** A flow on its way: its kind, and what was remembered of its start. */
export type Flow = Pick<FlowSpec<never, unknown>, 'kind' | 'outcome' | 'welcomesNewcomers' | 'staysInGroup'> & {
  readonly purpose: unknown
  readonly starter: Starter | null
  session(context: SessionContext): SessionPlan
  admit(admission: Admission): Promise<Admitted>
  abandon(gateway: Gateway): Promise<void>
}

/** Defines a kind of flow. Only the kind itself knows the form of its purpose. */
export function defineFlow<Request, Purpose>(spec: FlowSpec<Request, Purpose>): FlowDefinition<Request> {
  const { kind, prompt, outcome, welcomesNewcomers, staysInGroup } = spec
  return {
    kind,
    prompt,
    start: (gateway, request) => spec.start(gateway, request),
    resume(stored) {
      const purpose = spec.purpose.parse(stored)
      return {
        kind,
        outcome,
        welcomesNewcomers,
        staysInGroup,
        purpose,
        starter: spec.starter(purpose),
        session: (context) => spec.session(purpose, context),
        admit: (admission) => spec.admit(admission, purpose),
        abandon: async (gateway) => spec.abandon?.(gateway, purpose),
      }
    },
  }
}
