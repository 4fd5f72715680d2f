import { load, times } from './load.ts'
import type { ManyClients } from './many-clients.ts'
import { cold, verify } from './requests.ts'
import type { ServerProcess } from './server-process.ts'

/** With those before them fewer than a gateway keeps. */
const SESSIONS = 40_000

/** Sessions that are read before: what is kept of a bounded number of them is full then. */
const WARM_UP = 20_000

/**
 * What the memory in use of a gateway grows by when it reads sessions that it has not read before.
 * @param gateway one that has read none, started with `hasGc`
 * @returns megabytes for 100,000 sessions
 */
export async function measureCacheMemory(gateway: ServerProcess, clients: ManyClients): Promise<number> {
  const requests = verify(gateway.url, cold(clients))
  await load(times(WARM_UP, requests))
  const before = await gateway.usedBytes()
  await load(times(SESSIONS, requests))
  const bytes = (await gateway.usedBytes()) - before
  return ((bytes / SESSIONS) * 100_000) / 1e6
}
