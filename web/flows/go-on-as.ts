import type { Client } from 'urql'
import type { NoticeAction } from '../parts/notice.tsx'
import type { FlowKind } from './outcome.ts'
import { startAddAccount } from './start-add-account.ts'
import { startSignIn } from './start-sign-in.ts'

/**
 * Offers to do what was asked for with the account that signed in, where it was another than the one that was meant.
 * Null for flows that belong to one account.
 */
export function goOnAs(client: Client, kind: FlowKind, did: string): NoticeAction | null {
  switch (kind) {
    case 'login':
      return { label: 'Sign in as that account', run: async () => location.assign(await startSignIn({ handle: did })) }
    case 'add_account':
      return { label: 'Add that account', run: async () => location.assign(await startAddAccount(client, did)) }
    default:
      return null
  }
}
