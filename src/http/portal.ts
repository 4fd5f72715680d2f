import { fileURLToPath } from 'node:url'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance } from 'fastify'

const WEB = fileURLToPath(new URL('../../web', import.meta.url))

/** `GET /` and its assets: the page that signs people in where there is no other frontend. */
export async function portal(server: FastifyInstance): Promise<void> {
  await server.register(fastifyStatic, {
    root: WEB,
    index: 'index.html',
    wildcard: false,
    globIgnore: ['**/*.ts', 'generated/**', 'operations/**'],
  })
}
