import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { POSTGRES_URL } from './services.ts'

/** A PostgreSQL database that a test has to itself. */
export type FreshDatabase = { url: string; drop(): Promise<void> }

/** @param template a database to copy instead of starting empty; nobody may be connected to it */
export async function createFreshDatabase(template = 'template1'): Promise<FreshDatabase> {
  const name = `atgate_test_${randomUUID().replaceAll('-', '')}`
  await administer(`CREATE DATABASE ${name} TEMPLATE ${template}`)
  const url = new URL(POSTGRES_URL)
  url.pathname = name
  return { url: url.href, drop: () => administer(`DROP DATABASE ${name} WITH (FORCE)`) }
}

async function administer(sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: POSTGRES_URL })
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}
