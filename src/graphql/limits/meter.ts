import {
  type FieldNode,
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLObjectType,
  getNamedType,
  isCompositeType,
  type OperationDefinitionNode,
  type SelectionNode,
  type SelectionSetNode,
  type ValidationContext,
} from 'graphql'

type Parent = GraphQLNamedType | undefined

/** How to measure an operation: what a field counts, given what its selections count, and how siblings add up. */
export type Measure = {
  join: 'sum' | 'max'
  ofField(field: FieldNode, inner: number, definition: GraphQLField<unknown, unknown> | undefined): number
}

/**
 * Returns a function that measures an operation with its fragments expanded. Each fragment is measured once, so a
 * document whose expansion is exponentially large costs no more than its text.
 */
export function createMeter(
  context: ValidationContext,
  { join, ofField }: Measure,
): (operation: OperationDefinitionNode) => number {
  const schema = context.getSchema()
  const fragments = new Map<string, number>()

  function ofSelections({ selections }: SelectionSetNode, parent: Parent): number {
    let total = 0
    for (const selection of selections) {
      const value = ofSelection(selection, parent)
      total = join === 'sum' ? total + value : Math.max(total, value)
    }
    return total
  }

  function ofSelection(selection: SelectionNode, parent: Parent): number {
    switch (selection.kind) {
      case 'Field': {
        const definition = definitionOf(parent, selection.name.value)
        const { selectionSet } = selection
        const inner =
          selectionSet === undefined ? 0 : ofSelections(selectionSet, definition && getNamedType(definition.type))
        return ofField(selection, inner, definition)
      }
      case 'InlineFragment': {
        const type = selection.typeCondition ? schema.getType(selection.typeCondition.name.value) : parent
        return ofSelections(selection.selectionSet, type)
      }
      case 'FragmentSpread':
        return ofFragment(selection.name.value)
    }
  }

  function ofFragment(name: string): number {
    const known = fragments.get(name)
    if (known !== undefined) return known
    // For a fragment that spreads itself. GraphQL's own rules refuse it, and they come next.
    fragments.set(name, 0)
    const fragment = context.getFragment(name)
    const value = fragment ? ofSelections(fragment.selectionSet, schema.getType(fragment.typeCondition.name.value)) : 0
    fragments.set(name, value)
    return value
  }

  function definitionOf(parent: Parent, field: string): GraphQLField<unknown, unknown> | undefined {
    return isCompositeType(parent) ? schema.getField(parent, field) : undefined
  }

  return ({ operation, selectionSet }) =>
    ofSelections(selectionSet, schema.getRootType(operation) as GraphQLObjectType | undefined)
}
