import { createContext, useContext } from 'react'
import type { CurrentUserPartsFragment } from '../generated/graphql.ts'

/**
 * The account that this tab acts as; a function that queries it again after a change, and one that acts as another
 * account from then on.
 */
export type Viewer = {
  user: CurrentUserPartsFragment
  refresh: () => Promise<void>
  actAs: (did: string) => Promise<void>
}

export const ViewerContext = createContext<Viewer | null>(null)

/** Returns the viewer. For components that only signed-in users see. */
export function useViewer(): Viewer {
  const viewer = useContext(ViewerContext)
  if (viewer === null) throw new TypeError('useViewer is for pages of signed-in users')
  return viewer
}
