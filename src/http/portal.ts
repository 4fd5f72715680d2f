import { existsSync } from 'node:fs'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Config } from '../config/config.ts'
import { readNext } from './next.ts'
import { GRAPHIQL_PAGE, INDEX_PAGE, PORTAL_BUILD, PORTAL_INDEX } from './portal-build.ts'
import { createPortalPage, type PortalPage } from './portal-page.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** The portal, whose style the gateway's own pages have. */
    portal?: { path: string; page: PortalPage }
  }
}

/** The portal's pages. Its script decides by the path which one to show. */
const PAGES = ['', 'tokens', 'sessions', 'permissions', 'forget']

type PortalConfig = Pick<Config, 'portalPath' | 'publicUrl' | 'allowedOrigins' | 'serviceOrigins'>

/**
 * Serves the portal that `npm run build` wrote at PORTAL_PATH: its pages, and their assets. Other routes of the server
 * can send files of the build too.
 * @throws Error when the portal was not built
 */
export async function portal(server: FastifyInstance, config: PortalConfig): Promise<void> {
  if (!existsSync(PORTAL_INDEX)) throw new Error('The portal is not built. Run npm run build first.')
  const { portalPath } = config
  await server.register(fastifyStatic, {
    root: PORTAL_BUILD,
    prefix: portalPath,
    index: false,
    wildcard: false,
    // Compressed at build time. Responses that contain secrets are never compressed (BREACH).
    preCompressed: true,
    // GraphiQL is served at /graphql only.
    globIgnore: ['**/*.{br,gz}', GRAPHIQL_PAGE, INDEX_PAGE],
    cacheControl: false,
    setHeaders: (reply, path) => void reply.header('cache-control', cacheControl(path)),
  })
  const page = createPortalPage(portalPath)
  server.decorate('portal', { path: portalPath, page })
  const withoutSlash = portalPath === '/' ? [] : [portalPath.slice(0, -1)]
  for (const path of [...PAGES.map((name) => portalPath + name), ...withoutSlash]) {
    server.get(path, pageHandler(page, config))
  }
}

/**
 * Sends the page. It names where a sign-in goes on to (`?next=`), if that is allowed; its script goes nowhere else.
 */
function pageHandler(page: PortalPage, config: PortalConfig) {
  return async ({ query }: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const next = readNext((query as Record<string, unknown>).next, config)
    return reply.header('cache-control', 'no-cache').type('text/html; charset=utf-8').send(page.html(next))
  }
}

/** The name of an asset contains the hash of its content. */
function cacheControl(path: string): string {
  return path.includes('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache'
}
