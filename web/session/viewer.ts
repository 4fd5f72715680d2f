import { createContext, useContext } from 'react'
import type { CurrentUserPartsFragment } from '../generated/graphql.ts'

/** The account that this page acts as, and how to have it asked again after a change. */
export type Viewer = { user: CurrentUserPartsFragment; refresh: () => Promise<void> }

export const ViewerContext = createContext<Viewer | null>(null)

/** For what is shown to signed-in people alone. */
export function useViewer(): Viewer {
  const viewer = useContext(ViewerContext)
  if (viewer === null) throw new TypeError('useViewer is for pages that signed-in people see')
  return viewer
}
