import type { CurrentUserPartsFragment } from '../generated/graphql.ts'

/** Says why an account has to sign in again. */
export function wordsForReauthentication({ handle, session }: CurrentUserPartsFragment): string {
  switch (session.reauthenticationReason) {
    case 'MOVED':
      return `${handle} has moved to another server, which has to allow this app too.`
    case 'DEACTIVATED':
      return `The server of ${handle} does not serve this account at the moment. Activate it there, then sign in again.`
    default:
      return `The server of ${handle} no longer accepts this sign-in.`
  }
}
