import { useCallback, useEffect, useRef, useState } from 'react'
import type { CombinedError } from 'urql'
import { codeOf, createApiClient, problemOf, UNREACHABLE } from '../api/client.ts'
import {
  type AccountFragment,
  CurrentUserDocument,
  type CurrentUserPartsFragment,
  LinkedAccountsDocument,
  type PdsOptionsPartsFragment,
  PortalDocument,
} from '../generated/graphql.ts'
import { NEXT_URL } from './page-facts.ts'
import { setTabAccount, tabAccount } from './tab-account.ts'

/** What this tab shows. */
export type PortalState =
  | { status: 'loading' }
  | { status: 'failed'; problem: string }
  | { status: 'signed-out'; pdsOptions: PdsOptionsPartsFragment }
  /** The account that the tab acted as was signed out, and others are signed in. `ended`: its handle, if known. */
  | { status: 'choosing'; accounts: AccountFragment[]; ended: string | null }
  | { status: 'signed-in'; user: CurrentUserPartsFragment }

/** The state of this tab. `refresh` queries it again; `actAs` does so as another account. */
export type Portal = {
  state: PortalState
  refresh: () => Promise<void>
  actAs: (did: string) => Promise<void>
}

/** Queries who is signed in at the start, and whenever it is asked to. */
export function usePortal(): Portal {
  const [state, setState] = useState<PortalState>({ status: 'loading' })
  const latest = useRef(0)

  const refresh = useCallback(async () => {
    const attempt = ++latest.current
    const found = await lookUp()
    // A later query is under way.
    if (attempt === latest.current) setState((known) => next(known, found))
  }, [])

  const actAs = useCallback(
    async (did: string) => {
      setTabAccount(did)
      await refresh()
    },
    [refresh],
  )

  useEffect(() => void refresh(), [refresh])
  return { state, refresh, actAs }
}

/**
 * Queries what to show. A tab keeps its account, whichever is active in others. It never changes to another account by
 * itself: where its own has ended, the user chooses.
 */
async function lookUp(): Promise<PortalState> {
  // A service that led here asks about the active account, and refused it: no tab decides for that one.
  const account = NEXT_URL === null ? tabAccount() : null
  if (account !== null) {
    // A new client for each query: a client shares the response of an equal query in flight, which may predate a
    // change.
    const { data, error } = await createApiClient({ account }).query(CurrentUserDocument, {})
    if (data?.currentUser) return { status: 'signed-in', user: data.currentUser }
    if (error !== undefined && codeOf(error) !== 'ACCOUNT_CHANGED') return failed(error)
  }

  const client = createApiClient()
  const [portal, linked] = await Promise.all([
    client.query(PortalDocument, {}).toPromise(),
    client.query(LinkedAccountsDocument, {}).toPromise(),
  ])
  if (!portal.data) return failed(portal.error)
  const { currentUser, pdsOptions } = portal.data
  if (account === null && currentUser) {
    setTabAccount(currentUser.did)
    return { status: 'signed-in', user: currentUser }
  }
  if (linked.error !== undefined && codeOf(linked.error) !== 'UNAUTHENTICATED') return failed(linked.error)
  const accounts = linked.data?.linkedAccounts ?? []
  if (accounts.length > 0) return { status: 'choosing', accounts, ended: null }
  setTabAccount(null)
  return { status: 'signed-out', pdsOptions }
}

function failed(error: CombinedError | undefined): PortalState {
  return { status: 'failed', problem: error === undefined ? UNREACHABLE : problemOf(error) }
}

/** Keeps what is on the page while the gateway is unreachable, and remembers whom the user has to replace. */
function next(known: PortalState, found: PortalState): PortalState {
  if (found.status === 'failed' && known.status !== 'loading') return known
  if (found.status !== 'choosing') return found
  if (known.status === 'signed-in') return { ...found, ended: known.user.handle }
  return known.status === 'choosing' ? { ...found, ended: known.ended } : found
}
