import { globSync, readFileSync } from 'node:fs'
import {
  type DocumentNode,
  type GraphQLOutputType,
  getIntrospectionQuery,
  getNamedType,
  isObjectType,
  Kind,
  parse,
  print,
  validate,
} from 'graphql'
import { describe, expect, it } from 'vitest'
import { RULES } from '../../../src/graphql/limits/plugin.ts'
import { requireFewTokens } from '../../../src/graphql/limits/tokens.ts'
import { schema } from '../../../src/graphql/schema.ts'
import { GRAPHIQL_TABS } from '../../../web/graphiql/tabs.ts'

function requireWithinLimits(document: string): void {
  requireFewTokens(document)
  expect(validate(schema, parse(document), RULES)).toEqual([])
}

/** Each operation of a file by itself, with the fragments of all files: as a client sends it. */
function operationsIn(files: string): [name: string, document: string][] {
  const { definitions } = parse(
    globSync(files)
      .map((file) => readFileSync(file, 'utf8'))
      .join('\n'),
  )
  const fragments = definitions.filter(({ kind }) => kind === Kind.FRAGMENT_DEFINITION)
  return definitions.flatMap((definition) => {
    if (definition.kind !== Kind.OPERATION_DEFINITION) return []
    const document: DocumentNode = { kind: Kind.DOCUMENT, definitions: [definition, ...fragments] }
    return [[definition.name?.value ?? '', print(document)]]
  })
}

/** The documents that stand as text in TypeScript and in Markdown. */
function documentsIn(files: string[]): [place: string, document: string][] {
  return files.flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/['"`]((?:query|mutation|subscription)\b[^'"`]*\{[^'"`]*\})['"`]/g)].map(
      ([, document = '']): [string, string] => [file, document],
    ),
  )
}

describe('lets pass', () => {
  it.each([
    ['as it is', {}],
    [
      'with all that can be asked for',
      {
        descriptions: true,
        specifiedByUrl: true,
        directiveIsRepeatable: true,
        schemaDescription: true,
        inputValueDeprecation: true,
        experimentalDirectiveDeprecation: true,
        oneOf: true,
      },
    ],
  ])('the introspection query of graphql, %s', (_what, options) => {
    requireWithinLimits(getIntrospectionQuery(options))
  })

  it.each(operationsIn('web/operations/*.graphql'))('the operation %s of the portal', (_name, document) => {
    requireWithinLimits(document)
  })

  it('the operations of the portal in one document', () => {
    requireWithinLimits(
      globSync('web/operations/*.graphql')
        .map((file) => readFileSync(file, 'utf8'))
        .join('\n'),
    )
  })

  it('all fields of all queries', () => {
    const fields = (type: GraphQLOutputType): string => {
      const named = getNamedType(type)
      if (!isObjectType(named)) return ''
      return `{ ${Object.values(named.getFields())
        .map((field) => `${field.name} ${fields(field.type)}`)
        .join(' ')} }`
    }
    requireWithinLimits(fields(schema.getQueryType() as GraphQLOutputType))
  })

  it.each(GRAPHIQL_TABS.map(({ query }) => [/(query|mutation|subscription) (\w+)/.exec(query)?.[2], query]))(
    'the tab %s of GraphiQL',
    (_name, query = '') => requireWithinLimits(query),
  )

  const written = documentsIn(globSync(['examples/**/*.ts', 'README.md', 'docs/**/*.md']))
  it.each(written)('a document in %s', (_place, document) => requireWithinLimits(document))
  it('finds the documents of the examples', () => {
    expect(written.map(([place]) => place)).toContain('examples/developer-token.ts')
  })
})
