import { defineConfig } from 'prisma/config'

// The generated client needs no engine, but `prisma generate` looks for one and downloads it if there is none. Any
// existing executable satisfies this check, so `prisma generate` works offline. https://pris.ly/d/prisma-config

process.env.PRISMA_SCHEMA_ENGINE_BINARY ??= process.execPath

export default defineConfig({
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations' },
  // Only `prisma migrate` reads this. An empty URL keeps `prisma generate` free of any environment.
  datasource: { url: process.env.DATABASE_URL ?? '' },
})
