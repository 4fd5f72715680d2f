import { globSync, readFileSync } from 'node:fs'
import { parse, validate, visit } from 'graphql'
import { expect, it } from 'vitest'
import { schema } from '../../src/graphql/schema.ts'

const operations = parse(
  globSync('web/operations/*.graphql')
    .map((file) => readFileSync(file, 'utf8'))
    .join('\n'),
)

it('the operations that frontends copy are those of this schema', () => {
  expect(validate(schema, operations)).toEqual([])
})

it('there is an operation for every query, mutation and subscription', () => {
  const asked = new Set<string>()
  visit(operations, {
    OperationDefinition({ selectionSet }) {
      for (const field of selectionSet.selections) if (field.kind === 'Field') asked.add(field.name.value)
    },
  })
  const roots = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()]
  expect(asked).toEqual(new Set(roots.flatMap((root) => Object.keys(root?.getFields() ?? {}))))
})
