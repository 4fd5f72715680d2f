import { readFileSync } from 'node:fs'
import escapeHtml from 'escape-html'
import { PORTAL_INDEX } from './portal-build.ts'

/** The portal's page, as it stands at one path of the host. */
export type PortalPage = {
  /** The page, which goes on to `next` after a sign-in. What it may go on to was decided before. */
  html(next: string | null): string
  /** The path of its stylesheet, whose name changes with each build. */
  stylesheet: string
}

/** Puts what the build cannot know into the page that it wrote: where the portal is, and where it goes on to. */
export function createPortalPage(portalPath: string): PortalPage {
  const page = readFileSync(PORTAL_INDEX, 'utf8')
    .replaceAll(/(href|src)="\/(assets\/|icon\.svg)/g, `$1="${portalPath}$2`)
    .replace(metaOf('portal-path', '/'), metaOf('portal-path', portalPath))
  return {
    html: (next) => page.replace(metaOf('next', ''), () => metaOf('next', escapeHtml(next ?? ''))),
    stylesheet: /<link rel="stylesheet"[^>]* href="([^"]+)"/.exec(page)?.[1] ?? '',
  }
}

function metaOf(name: string, content: string): string {
  return `<meta name="${name}" content="${content}" />`
}
