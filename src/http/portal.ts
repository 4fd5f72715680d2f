import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance } from 'fastify'

const BUILT = fileURLToPath(new URL('../../web/dist', import.meta.url))

/** The portal's page, which names its stylesheet. */
export const PORTAL_INDEX = join(BUILT, 'index.html')

/** The file of GraphiQL's page, which `npm run build` wrote beside the portal. */
export const GRAPHIQL_PAGE = 'graphiql.html'

/** The paths of the portal's pages. The portal's script decides by the path which page to show. */
export const PORTAL_PAGES = ['/', '/tokens', '/sessions', '/permissions']

/**
 * Serves the portal that `npm run build` wrote: `GET /`, the other pages, and their assets. Other routes of the server
 * can send files of the build too.
 * @throws Error when the portal was not built
 */
export async function portal(server: FastifyInstance): Promise<void> {
  if (!existsSync(PORTAL_INDEX)) throw new Error('The portal is not built. Run npm run build first.')
  await server.register(fastifyStatic, {
    root: BUILT,
    index: false,
    wildcard: false,
    // Compressed at build time. Responses that contain secrets are never compressed (BREACH).
    preCompressed: true,
    // GraphiQL is served at /graphql only.
    globIgnore: ['**/*.{br,gz}', GRAPHIQL_PAGE],
    cacheControl: false,
    setHeaders: (reply, path) => void reply.header('cache-control', cacheControl(path)),
  })
  for (const page of PORTAL_PAGES) server.get(page, (_request, reply) => reply.sendFile('index.html'))
}

/** The name of an asset contains the hash of its content. The page that refers to assets is revalidated each time. */
function cacheControl(path: string): string {
  return path.includes('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache'
}
