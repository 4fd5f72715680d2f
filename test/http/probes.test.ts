import { afterEach, beforeEach, expect, it } from 'vitest'
import { StoreUnavailable } from '../../src/platform/errors.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { createHttpBrowser } from '../support/http-browser.ts'

let atgate: TestGateway
beforeEach(async () => {
  atgate = await startGateway()
})
afterEach(() => atgate.close())

const ask = (path: string, init?: RequestInit) => fetch(atgate.url + path, init)
const away = () => Promise.reject(new StoreUnavailable('ephemeral store', new Error('it is away')))

async function expectNotReady(message: RegExp): Promise<void> {
  const response = await ask('/readyz')
  expect(response.status).toBe(503)
  expect(await response.json()).toEqual({
    error: 'SERVICE_UNAVAILABLE',
    message: expect.stringMatching(message),
  })
}

it('a gateway whose stores answer is alive and ready', async () => {
  const alive = await ask('/healthz')
  expect([alive.status, await alive.json()]).toEqual([200, { status: 'alive' }])
  const ready = await ask('/readyz')
  expect([ready.status, await ready.json()]).toEqual([200, { status: 'ready' }])
  expect(ready.headers.get('cache-control')).toBe('no-store')
})

it.each(['/healthz', '/readyz'])('%s answers HEAD, as some monitors ask', async (path) => {
  const response = await ask(path, { method: 'HEAD' })
  expect([response.status, await response.text()]).toEqual([200, ''])
})

it.each(['/healthz', '/readyz'])('%s answers by whatever name it is asked', async (path) => {
  const { port } = new URL(atgate.url)
  const response = await fetch(`http://localhost:${port}${path}`, { redirect: 'manual' })
  expect(response.status).toBe(200)
})

it('without the ephemeral store it is alive and not ready, and ready again when the store is back', async () => {
  const { ephemeral } = atgate.stores
  const { ping } = ephemeral
  ephemeral.ping = away
  await expectNotReady(/^The ephemeral store does not answer/)
  expect((await ask('/healthz')).status).toBe(200)
  ephemeral.ping = ping
  await expect.poll(async () => (await ask('/readyz')).status, { timeout: 5000 }).toBe(200)
})

it('with a store that hangs it says so in time', async () => {
  atgate.stores.ephemeral.ping = () => new Promise(() => undefined)
  await expectNotReady(/^The ephemeral store does not answer/)
})

it('with a database that lacks a migration, or has an altered one, it is not ready', async () => {
  const { prisma: db } = atgate.stores.database
  await db.$executeRaw`UPDATE _prisma_migrations SET checksum = 'another' WHERE migration_name LIKE '%_init'`
  await expectNotReady(/^The database lacks 20261123230602_init, or has it in another form/)
})

it('with a database that a newer release has migrated it is ready: releases run side by side', async () => {
  const { prisma: db } = atgate.stores.database
  await db.$executeRaw`
    INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at, applied_steps_count)
    VALUES ('newer', 'newer', '29990101000000_newer', now(), 1)`
  expect((await ask('/readyz')).status).toBe(200)
})

it('however often it is asked, the stores are asked once a second', async () => {
  const { statements } = atgate.stores
  const before = statements.length
  const statuses = await Promise.all(Array.from({ length: 50 }, async () => (await ask('/readyz')).status))
  expect(new Set(statuses)).toEqual(new Set([200]))
  expect(statements.slice(before).filter((sql) => sql.includes('_prisma_migrations'))).toHaveLength(1)
})

it('probes fill the log at the level debug only', async () => {
  await ask('/healthz')
  await createHttpBrowser(atgate.url).send('/oauth-client-metadata.json')
  const levelOf = (route: string) =>
    atgate.logLines.filter((line) => line.includes(`"route":"${route}"`)).map((line) => JSON.parse(line).level)
  await expect.poll(() => levelOf('/oauth-client-metadata.json')).toEqual([30])
  expect(levelOf('/healthz')).toEqual([20])
})
