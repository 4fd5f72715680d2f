import type { PrismaClient } from './generated/client.ts'
import type { Migration } from './migrations.ts'

/**
 * Which of the migrations the database does not have as they are here. Those of a newer release, which only adds to the
 * tables (decision 5), do not count.
 * @throws GatewayError SERVICE_UNAVAILABLE
 */
export async function missingMigrations(
  db: Pick<PrismaClient, '$queryRaw'>,
  wanted: readonly Migration[],
): Promise<string[]> {
  const applied = await db.$queryRaw<{ name: string; checksum: string }[]>`
    SELECT migration_name AS name, checksum FROM _prisma_migrations
    WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL`
  const checksums = new Map(applied.map(({ name, checksum }) => [name, checksum]))
  return wanted.filter(({ name, checksum }) => checksums.get(name) !== checksum).map(({ name }) => name)
}
