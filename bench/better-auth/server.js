import { createServer } from 'node:http'
import { betterAuth } from 'better-auth'
import { getMigrations } from 'better-auth/db/migration'
import { toNodeHandler } from 'better-auth/node'
import Redis from 'ioredis'
import pg from 'pg'
import { announce } from '../servers/announce.ts'

// better-auth as its documentation sets it up for speed: sessions in Redis (secondary storage), PostgreSQL for what
// lasts, and node:http. Its rate limit is off, since it would refuse the benchmark. JavaScript, because the types of
// better-auth are not there until the benchmark installs it.
const { BASE_URL = '', COOKIE_CACHE, DATABASE_URL, KEY_PREFIX = '', REDIS_URL = '', SECRET } = process.env
const redis = new Redis(REDIS_URL, { keyPrefix: KEY_PREFIX })

const options = {
  baseURL: BASE_URL,
  secret: SECRET,
  database: new pg.Pool({ connectionString: DATABASE_URL, max: 10 }),
  secondaryStorage: {
    get: (key) => redis.get(key),
    getAndDelete: (key) => redis.getdel(key),
    set: (key, value, ttl) => (ttl === undefined ? redis.set(key, value) : redis.set(key, value, 'EX', ttl)),
    delete: (key) => redis.del(key),
    async increment(key, ttl) {
      const count = await redis.incr(key)
      if (count === 1) await redis.expire(key, ttl)
      return count
    },
  },
  emailAndPassword: { enabled: true },
  // With it, a signed cookie answers instead of Redis, for as long as it lives: longer than the benchmark.
  session: { cookieCache: { enabled: COOKIE_CACHE === 'on', maxAge: 60 * 60 } },
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
}
await (await getMigrations(options)).runMigrations()
announce(createServer(toNodeHandler(betterAuth(options))), Number(new URL(BASE_URL).port))
