import type { FastifyReply } from 'fastify'
import { noStore } from '../no-store.ts'
import { type Html, html } from './html.ts'

/** A page of the gateway itself. It works without script. */
export type Page = { title: string; body: Html }

/** A server that has failed before it was complete has no style yet. */
const WITHOUT_PORTAL = { path: '/', page: { stylesheet: '' } }

/** Sends a page, in the portal's style. */
export function sendPage(reply: FastifyReply, status: number, { title, body }: Page): FastifyReply {
  // A form or a link of the page says where it comes from to this gateway, and to nobody else.
  noStore(reply).header('referrer-policy', 'same-origin')
  const { path, page: portalPage } = reply.server.portal ?? WITHOUT_PORTAL
  const page = html`<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="light dark" />
    <meta name="robots" content="noindex" />
    <title>${title} · atgate</title>
    <link rel="icon" href="${path}icon.svg" type="image/svg+xml" />
    <link rel="stylesheet" href="${portalPage.stylesheet}" />
  </head>
  <body>
    <div id="root">
      <main class="centered">
        <div class="card">
          <p class="brand">
            <img src="${path}icon.svg" width="24" height="24" alt="" /> atgate
          </p>
          <h1>${title}</h1>
          ${body}
        </div>
      </main>
    </div>
  </body>
</html>
`
  return reply.code(status).type('text/html; charset=utf-8').send(page.toString())
}
