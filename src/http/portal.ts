import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance } from 'fastify'

const BUILT = fileURLToPath(new URL('../../web/dist', import.meta.url))

/** The portal's pages. Which of them is shown, the portal's own script decides by the path. */
export const PORTAL_PAGES = ['/', '/tokens', '/sessions', '/permissions']

/**
 * The portal, as `npm run build` made it: `GET /` and the other pages, and their assets.
 * @throws Error when it was not built
 */
export async function portal(server: FastifyInstance): Promise<void> {
  if (!existsSync(join(BUILT, 'index.html'))) throw new Error('The portal is not built. Run npm run build first.')
  await server.register(fastifyStatic, {
    root: BUILT,
    index: false,
    wildcard: false,
    // Compressed when it was built. Answers that hold secrets never are (BREACH).
    preCompressed: true,
    globIgnore: ['**/*.{br,gz}'],
    cacheControl: false,
    setHeaders: (reply, path) => void reply.header('cache-control', cachingOf(path)),
  })
  for (const page of PORTAL_PAGES) server.get(page, (_request, reply) => reply.sendFile('index.html'))
}

/** The names of assets change with what is in them; the page that names them is asked for anew. */
function cachingOf(path: string): string {
  return path.includes('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache'
}
