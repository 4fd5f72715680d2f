import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { pino } from 'pino'
import { generate } from 'selfsigned'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { createRedisStore } from '../../../src/store/ephemeral/redis-store.ts'
import {
  hasRedisServer,
  SENTINEL_PASSWORD,
  type ServerCertificate,
  startCluster,
  startWatched,
} from '../../support/redis-servers.ts'
import { openLoggedStore, placeOf } from './redis-harness.ts'

const mayRun = inject('tier') === 'full' && hasRedisServer

describe.runIf(mayRun)('the Redis store, over TLS', () => {
  const trusted = getCACertificates('default')
  let folder: string
  let certificate: ServerCertificate

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'atgate-redis-tls-'))
    certificate = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') }
    const { cert, private: key } = await generate([{ name: 'commonName', value: 'redis' }], {
      extensions: [
        { name: 'basicConstraints', cA: true },
        {
          name: 'subjectAltName',
          altNames: [
            { type: 2, value: 'localhost' },
            { type: 7, ip: '127.0.0.1' },
          ],
        },
      ],
    })
    await writeFile(certificate.cert, cert)
    await writeFile(certificate.key, key)
    setDefaultCACertificates([...trusted, cert])
  })
  afterAll(async () => {
    setDefaultCACertificates(trusted)
    await rm(folder, { recursive: true })
  })

  it('works with Sentinels', async () => {
    const watched = await startWatched(certificate)
    const place = placeOf({ REDIS_URL: watched.url, REDIS_SENTINEL_PASSWORD: SENTINEL_PASSWORD })
    const { store, works } = await openLoggedStore(place)
    await works()
    await watched.master.kill()
    await watched.agreeOn(watched.replica.port)
    await works()
    await store.close()
    await watched.close()
  })

  it('works with a cluster, and with no servers whose certificate it does not trust', async () => {
    const cluster = await startCluster(certificate)
    const place = placeOf({ REDIS_URL: cluster.url })
    const { store, works } = await openLoggedStore(place)
    await works()
    await store.close()

    setDefaultCACertificates(trusted)
    const distrusting = await createRedisStore({ place, logger: pino({ level: 'silent' }) })
    await expect(distrusting.ping()).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' })
    await distrusting.close()
    await cluster.close()
  })
})
