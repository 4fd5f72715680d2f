import { writeFile } from 'node:fs/promises'
import { printedSchema } from '../src/graphql/print-schema.ts'

// Needs no environment, no database and no gateway.
await writeFile(new URL('../schema.graphql', import.meta.url), printedSchema())
