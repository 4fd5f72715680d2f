import type { StartQuestion } from '../../flows/start-question.ts'
import { type Html, html } from './html.ts'
import type { Page } from './page.ts'

/**
 * Asks before a sign-in that was begun elsewhere. It continues by a link: Chrome applies a page's `form-action` to the
 * redirect that follows a form.
 */
export function startQuestionPage(
  { account, host, replaces }: StartQuestion,
  { continueUrl, cancelUrl, creates }: { continueUrl: string; cancelUrl: string; creates: boolean },
): Page {
  const title = creates ? `Create an account at ${host}?` : `Sign in${account === null ? '' : ` as ${named(account)}`}?`
  const body = html`
          <p>You continue at <strong>${host}</strong>, which asks for the password. This page never sees it.</p>
          ${replaces.length === 0 ? '' : replacement(replaces)}
          <p class="muted">If a link brought you here and you did not mean to sign in, cancel.</p>
          <div class="actions">
            <a class="button primary" href="${continueUrl}">Continue</a>
            <a class="button" href="${cancelUrl}">Cancel</a>
          </div>`
  return { title, body }
}

function replacement(replaces: readonly string[]): Html {
  return html`<p>Afterwards this browser is no longer signed in as <strong>${replaces.map(named).join(', ')}</strong>.</p>`
}

/** A DID is shown as it is; a handle is marked as one. */
function named(account: string): string {
  return account.startsWith('did:') ? account : `@${account}`
}
