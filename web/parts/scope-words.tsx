import type { DescribedScopePartsFragment } from '../generated/graphql.ts'

/** What a scope allows, and the scope itself. `isNeeded`: the app does not work without it. */
export function ScopeWords({
  described,
  isNeeded = false,
}: {
  described: DescribedScopePartsFragment
  isNeeded?: boolean
}) {
  const { scope, title, detail } = described
  return (
    <span className="names">
      <span className="line">
        {title} {isNeeded && <span className="badge bad">Needed</span>}
      </span>
      {detail && <span className="line muted">{detail}</span>}
      <code className="muted">{scope}</code>
    </span>
  )
}
