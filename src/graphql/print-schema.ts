import { lexicographicSortSchema, printSchema } from 'graphql'
import { schema } from './schema.ts'

/** Prints the schema as SDL, in a stable order. `npm run schema` writes it to schema.graphql. */
export function printedSchema(): string {
  return `${printSchema(lexicographicSortSchema(schema))}\n`
}
