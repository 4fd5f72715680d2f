import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Where `npm run build` writes the portal. */
export const PORTAL_BUILD = fileURLToPath(new URL('../../web/dist', import.meta.url))

/** The file of the portal's page, which is sent with what `createPortalPage` puts into it. */
export const INDEX_PAGE = 'index.html'

export const PORTAL_INDEX = join(PORTAL_BUILD, INDEX_PAGE)

/** The file of GraphiQL's page, which the build writes beside the portal. */
export const GRAPHIQL_PAGE = 'graphiql.html'
