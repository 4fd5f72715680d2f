import { html } from './html.ts'
import type { Page } from './page.ts'

/** Says what is wrong, and leads back to the start page, `home`. */
export function problemPage({ title, problem, home }: { title: string; problem: string; home: string }): Page {
  const body = html`
          <p role="alert">${problem}</p>
          <div class="actions">
            <a class="button primary" href="${home}">Go to the start page</a>
          </div>`
  return { title, body }
}
