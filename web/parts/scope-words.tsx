import { wordsForScope } from '../session/scope-words.ts'

/** What a scope allows, and the scope itself. `isNeeded`: the app does not work without it. */
export function ScopeWords({ scope, isNeeded = false }: { scope: string; isNeeded?: boolean }) {
  return (
    <span className="names">
      <span className="line">
        {wordsForScope(scope)} {isNeeded && <span className="badge bad">Needed</span>}
      </span>
      <code className="muted">{scope}</code>
    </span>
  )
}
