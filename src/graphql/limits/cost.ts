import { type GraphQLField, getNamedType, getNullableType, isLeafType, isListType } from 'graphql'
import { isIntrospection } from './introspection.ts'
import { MAX_COST, OBJECTS_IN_LIST, OBJECTS_IN_SHORT_LISTS, SCALARS_IN_LIST } from './numbers.ts'
import { operationRule } from './operation-rule.ts'

/**
 * Bounds the response, before anything is executed: an operation costs as many values as it can return. Introspection
 * costs nothing here. It has limits of its own, and the schema does not grow with the data.
 */
export const costRule = operationRule(
  {
    join: 'sum',
    ofField: (field, inner, definition) => (isIntrospection(field) ? 0 : itemsOf(definition) * (1 + inner)),
  },
  {
    max: MAX_COST,
    message: `An operation can return at most ${MAX_COST} values, where each list counts as ${OBJECTS_IN_LIST} objects. Ask for fewer fields or lists.`,
  },
)

/** How many values of a field a response can contain. An unknown field is refused by GraphQL's own rules. */
function itemsOf(definition: GraphQLField<unknown, unknown> | undefined): number {
  if (definition === undefined || !isListType(getNullableType(definition.type))) return 1
  const type = getNamedType(definition.type)
  if (isLeafType(type)) return SCALARS_IN_LIST
  return OBJECTS_IN_SHORT_LISTS.get(type.name) ?? OBJECTS_IN_LIST
}
