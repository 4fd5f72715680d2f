import { isIntrospection } from './introspection.ts'
import { MAX_ALIASES } from './numbers.ts'
import { operationRule } from './operation-rule.ts'

/**
 * Bounds how often one operation can ask for the same field. Introspection has no aliases at all: they multiply at each
 * level, and no client's introspection query has one.
 */
export const aliasesRule = operationRule(
  {
    join: 'sum',
    ofField: (field, inner) =>
      isIntrospection(field) && inner > 0 ? Number.POSITIVE_INFINITY : (field.alias === undefined ? 0 : 1) + inner,
  },
  {
    max: MAX_ALIASES,
    message: `An operation has at most ${MAX_ALIASES} aliases, those in its fragments included, and none inside __schema or __type.`,
  },
)
