import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import {
  bindMigrationAwareSqlAdapterFactory,
  type SqlDriverAdapter,
  type SqlMigrationAwareDriverAdapterFactory,
} from '@prisma/driver-adapter-utils'
import * as engineImports from '@prisma/schema-engine-wasm/schema_engine_bg'
import { __wbg_set_wasm, SchemaEngine } from '@prisma/schema-engine-wasm/schema_engine_bg'

export type { SchemaEngine }

let instantiated: Promise<void> | undefined

/**
 * Runs `work` with Prisma's own schema engine, the one behind `prisma migrate`, as WebAssembly over a driver adapter. The native
 * engine would have to be downloaded.
 * @param options `schema`: the Prisma schema's text, where the operation needs one
 */
export async function withSchemaEngine<T>(
  { adapter, schema }: { adapter: SqlMigrationAwareDriverAdapterFactory; schema?: string },
  work: (engine: SchemaEngine) => Promise<T>,
): Promise<T> {
  instantiated ??= instantiate()
  await instantiated
  const opened = noteConnections(adapter)
  const datamodels: [string, string][] | undefined = schema === undefined ? undefined : [['schema.prisma', schema]]
  try {
    const engine = await SchemaEngine.new(
      { datamodels },
      () => undefined,
      bindMigrationAwareSqlAdapterFactory(opened.adapter),
    )
    try {
      return await work(engine)
    } finally {
      engine.free()
    }
  } finally {
    // The engine leaves its connections open, and with them its lock on the database. Not waited for: one that gave up
    // waiting for the lock of another closes only when it has it.
    for (const connection of opened.connections) connection.dispose().catch(() => undefined)
  }
}

function noteConnections(factory: SqlMigrationAwareDriverAdapterFactory) {
  const connections: SqlDriverAdapter[] = []
  const adapter: SqlMigrationAwareDriverAdapterFactory = {
    provider: factory.provider,
    adapterName: factory.adapterName,
    async connect() {
      const connection = await factory.connect()
      connections.push(connection)
      return connection
    },
    // Shadow databases it does close.
    connectToShadowDb: () => factory.connectToShadowDb(),
  }
  return { adapter, connections }
}

/** What wasm-bindgen's own loader does; it imports the .wasm as a module, which Node cannot do without a flag. */
async function instantiate(): Promise<void> {
  const entry = createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm')
  const file = join(dirname(entry), 'schema_engine_bg.wasm')
  const { instance } = await WebAssembly.instantiate(await readFile(file), {
    './schema_engine_bg.js': engineImports as unknown as WebAssembly.ModuleImports,
  })
  __wbg_set_wasm(instance.exports)
  const { __wbindgen_start: start } = instance.exports
  if (typeof start === 'function') start()
}
