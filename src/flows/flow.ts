import type { Flow, FlowDefinition, FlowKind } from './flow-definition.ts'
import { addAccount } from './kinds/add-account.ts'
import { createAccount } from './kinds/create-account.ts'
import { developerToken } from './kinds/developer-token.ts'
import { login } from './kinds/login.ts'
import { scopeUpgrade } from './kinds/scope-upgrade.ts'

/** Every kind of flow. */
const FLOWS: Record<FlowKind, Pick<FlowDefinition<never>, 'resume'>> = {
  login,
  create_account: createAccount,
  add_account: addAccount,
  scope_upgrade: scopeUpgrade,
  developer_token: developerToken,
}

/**
 * Resumes a flow that was stored.
 * @throws ZodError when the purpose does not have the form that its kind gives it
 */
export function resumeFlow(kind: FlowKind, purpose: unknown): Flow {
  return FLOWS[kind].resume(purpose)
}
