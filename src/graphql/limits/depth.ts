import { MAX_DEPTH } from './numbers.ts'
import { operationRule } from './operation-rule.ts'

/** Bounds how deep selections are nested. What comes later recurses into them. */
export const depthRule = operationRule(
  { join: 'max', ofField: (_field, inner) => 1 + inner },
  { max: MAX_DEPTH, message: `An operation is at most ${MAX_DEPTH} levels of fields deep.` },
)
