import { html } from './html.ts'
import type { Page } from './page.ts'

type Form = {
  /** What is wrong, for people to read. */
  problem: string
  /** What was typed. */
  handle: string
  /** Where the flow returns to; null for the frontend's own page. */
  returnTo: string | null
  /** What the account's server is to ask for all the same; null leaves that to it. */
  prompt: string | null
}

/** The answer to a navigation with a mistake: what is wrong, and the form to try again, which keeps what was typed. */
export function startFormPage({ problem, handle, returnTo, prompt }: Form): Page {
  const body = html`
          <form class="handle-form" action="/auth/start" method="get">
            <label for="handle">Handle</label>
            <input id="handle" name="handle" value="${handle}" required autocomplete="username" autocapitalize="none"
              autocorrect="off" spellcheck="false" placeholder="alice.example.com" aria-invalid="true" aria-describedby="problem" />
            <p id="problem" class="hint bad" role="alert">${problem}</p>
            ${returnTo === null ? '' : html`<input type="hidden" name="return_to" value="${returnTo}" />`}
            ${prompt === null ? '' : html`<input type="hidden" name="prompt" value="${prompt}" />`}
            <input type="hidden" name="ask" value="1" />
            <button type="submit" class="button primary">Continue</button>
          </form>`
  return { title: 'Sign in', body }
}
