import { readFile } from 'node:fs/promises'
import {
  type GraphQLNamedType,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isIntrospectionType,
  isObjectType,
} from 'graphql'
import { expect, it } from 'vitest'
import { printedSchema } from '../../src/graphql/print-schema.ts'
import { schema } from '../../src/graphql/schema.ts'

it('schema.graphql is what the code prints (npm run schema)', async () => {
  expect(await readFile(new URL('../../schema.graphql', import.meta.url), 'utf8')).toBe(printedSchema())
})

it('every type, field, argument and value has a description', () => {
  const described = Object.values(schema.getTypeMap())
    .filter((type) => !isIntrospectionType(type) && !BUILT_IN.has(type.name))
    .flatMap((type) => [{ name: type.name, description: type.description }, ...partsOf(type)])
  expect(described.length).toBeGreaterThan(100)
  expect(described.filter(({ description }) => !description).map(({ name }) => name)).toEqual([])
})

const BUILT_IN = new Set(['Boolean', 'Float', 'ID', 'Int', 'String'])

type Described = { name: string; description?: string | null | undefined }

function partsOf(type: GraphQLNamedType): Described[] {
  if (isEnumType(type)) return type.getValues().map(({ name, description }) => inside(type, { name, description }))
  if (isInputObjectType(type)) return Object.values(type.getFields()).map((field) => inside(type, field))
  if (!isObjectType(type)) return []
  return Object.values(type.getFields()).flatMap((field) => [
    inside(type, field),
    // An input object is described by its type.
    ...field.args
      .filter((arg) => !isInputObjectType(getNamedType(arg.type)))
      .map((arg) => inside(type, { name: `${field.name}(${arg.name}:)`, description: arg.description })),
  ])
}

function inside({ name: typeName }: GraphQLNamedType, { name, description }: Described): Described {
  return { name: `${typeName}.${name}`, description }
}
