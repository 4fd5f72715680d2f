import type { ASTVisitor, FieldNode, ValidationContext } from 'graphql'
import { operationRule } from './operation-rule.ts'
import { refusal } from './refusal.ts'

/** Whether a field is an entry to introspection. `__typename` is not: it says nothing about the rest of the schema. */
export function isIntrospection({ name }: FieldNode): boolean {
  return name.value === '__schema' || name.value === '__type'
}

/** Lets one operation describe the whole schema once. A description of 60 KB, asked for often, is a large response. */
export const introspectionOnceRules = ['__schema', '__type'].map((entry) =>
  operationRule(
    { join: 'sum', ofField: ({ name }, inner) => (name.value === entry ? 1 : 0) + inner },
    { max: 1, message: `An operation has ${entry} at most once.` },
  ),
)

/** Refuses introspection where `GRAPHIQL` is off. */
export function noIntrospectionRule(context: ValidationContext): ASTVisitor {
  return {
    Field(node) {
      if (!isIntrospection(node)) return
      context.reportError(
        refusal('Introspection is off at this gateway. Its schema is published as schema.graphql.', node),
      )
    },
  }
}
