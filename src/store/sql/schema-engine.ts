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
 * Runs `work` with Prisma's own schema engine, the one of `prisma migrate`, as WebAssembly over a driver adapter. The
 * native engine would be a download.
 * @param options `schema`: the text of the Prisma schema, if the operation needs it
 */
export async function withSchemaEngine<T>(
  { adapter, schema }: { adapter: SqlMigrationAwareDriverAdapterFactory; schema?: string },
  work: (engine: SchemaEngine) => Promise<T>,
): Promise<T> {
  instantiated ??= instantiate()
  await instantiated
  const opened = trackConnections(adapter)
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
    // The engine leaves its connections open, and with them its lock on the database. This does not wait for them to
    // close: a connection that still waits for another engine's lock closes only when it gets the lock.
    for (const connection of opened.connections) connection.dispose().catch(() => undefined)
  }
}

function trackConnections(factory: SqlMigrationAwareDriverAdapterFactory) {
  const connections: SqlDriverAdapter[] = []
  const adapter: SqlMigrationAwareDriverAdapterFactory = {
    provider: factory.provider,
    adapterName: factory.adapterName,
    async connect() {
      const connection = await factory.connect()
      connections.push(connection)
      return connection
    },
    // The engine closes shadow databases.
    connectToShadowDb: () => factory.connectToShadowDb(),
  }
  return { adapter, connections }
}

/**
 * Does what wasm-bindgen's loader does. That one imports the .wasm as a module, which Node supports only behind a flag.
 */

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
