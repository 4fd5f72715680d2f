const KEY = 'atgate.account'

/** Returns the DID of the account that this tab acts as, or null before it acts as any. It survives a reload. */
export function tabAccount(): string | null {
  try {
    return sessionStorage.getItem(KEY)
  } catch {
    return inMemory
  }
}

/** Makes this tab act as the account from now on, and no other tab. */
export function setTabAccount(did: string | null): void {
  inMemory = did
  try {
    if (did === null) sessionStorage.removeItem(KEY)
    else sessionStorage.setItem(KEY, did)
  } catch {
    // The browser keeps nothing for this page. After a reload, the tab acts as the active account.
  }
}

let inMemory: string | null = null
