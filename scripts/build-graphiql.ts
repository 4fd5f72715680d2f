import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import { renderGraphiQL } from '@graphql-yoga/render-graphiql'
import { GRAPHIQL_TABS } from '../web/graphiql/tabs.ts'

/** A higher quality takes four times as long and saves 3 percent. */
const BROTLI_QUALITY = 6

// GraphiQL comes from the package, not from a CDN: it works offline, and no third-party script runs with the user's
// cookie. The page has 8.9 MB, so it is rendered and compressed here and not in the gateway, which sends the file.
const icon = await readFile(new URL('../web/public/icon.svg', import.meta.url), 'utf8')
const page = renderGraphiQL({
  title: 'atgate GraphiQL',
  // In the page, since the portal's files are where PORTAL_PATH says.
  favicon: `data:image/svg+xml,${encodeURIComponent(icon)}`,
  credentials: 'same-origin',
  subscriptionsProtocol: 'SSE',
  defaultTabs: GRAPHIQL_TABS,
  // Headers may contain a developer token, which the browser must not store.
  shouldPersistHeaders: false,
})

const file = fileURLToPath(new URL('../web/dist/graphiql.html', import.meta.url))
const params = { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY }
await writeFile(file, page)
await writeFile(`${file}.br`, await promisify(brotliCompress)(page, { params }))
await writeFile(`${file}.gz`, await promisify(gzip)(page))
