import { MAX_STARTS } from './numbers.ts'
import { operationRule } from './operation-rule.ts'

/**
 * Lets one operation start one flow: each makes the gateway send requests to a server that the client names. Only
 * fields of Mutation start with this word.
 */
export const startsRule = operationRule(
  { join: 'sum', ofField: ({ name }, inner) => (/^start[A-Z]/.test(name.value) ? 1 : 0) + inner },
  { max: MAX_STARTS, message: 'An operation starts one flow: it has at most one of the fields start….' },
)
