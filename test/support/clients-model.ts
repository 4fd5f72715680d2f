const DAY = 24 * 60 * 60 * 1000
const MINUTE = 60 * 1000

type ModelSession = { did: string; authenticatedAt: number }

type ModelGroup = { active: string; sessions: ModelSession[] }

type ModelToken = {
  group: ModelGroup
  mintedAt: number
  isUsed: boolean
  endsAt: number
  session: ModelSession
  replaces: ModelGroup | null
  activates: string | null
}

/**
 * What DESIGN says of clients, groups and tokens, as plainly as it can be said: sets in memory, no database, no
 * secrets. Where the model names a browser, it is by the number of the browser.
 */
export class ClientsModel {
  readonly #tokens = new Map<string, ModelToken>()
  readonly #groups = new Set<ModelGroup>()
  readonly #held: (string | null)[] = [null, null]
  #now = 0

  /** What a browser sees: who it is, and who else it may become. Null when it is signed out. */
  seenBy(client: number, now = this.#now): { active: string | null; accounts: string[] } | null {
    this.#now = now
    const token = this.#token(client)
    if (token === null) return null
    const accounts = reached(token).map(({ did }) => did)
    const { active } = token.group
    return { active: accounts.includes(active) ? active : null, accounts: accounts.toSorted() }
  }

  /** The accounts that are signed in anywhere, one entry a session. */
  sessions(): string[] {
    return [...this.#groups].flatMap(({ sessions }) => sessions.map(({ did }) => did))
  }

  tokenOf(client: number): string | null {
    return this.#held[client] ?? null
  }

  hold(client: number, token: string | null): void {
    this.#held[client] = token
  }

  /** A request: the first with a token is what the token waited for. */
  use(client: number, now: number): void {
    this.#now = now
    const token = this.#token(client)
    if (token === null || token.isUsed) return
    const { group, session } = token
    token.isUsed = true
    token.endsAt = token.mintedAt + 400 * DAY
    if (token.replaces !== null) this.#end(token.replaces.sessions)
    if (group.sessions.includes(session)) {
      const waiting = this.#tokensOf(group)
        .filter(({ isUsed }) => !isUsed)
        .map((other) => other.session)
      this.#end(
        group.sessions.filter((other) => other.did === session.did && other !== session && !waiting.includes(other)),
      )
    }
    for (const other of this.#tokensOf(group)) {
      if (other !== token && other.isUsed) other.endsAt = Math.min(other.endsAt, now + MINUTE)
    }
    if (token.activates !== null) group.active = token.activates
  }

  /** @returns the token that was minted, null when the client's own goes on, or that it was refused */
  exchange(
    client: number,
    { kind, did, authenticatedAt, now }: { kind: string; did: string; authenticatedAt: number; now: number },
  ): string | null | 'refused' {
    this.#now = now
    const shown = this.#token(client)
    const session = { did, authenticatedAt }
    if (kind === 'scope_upgrade') {
      // The same sign-in with more scopes: nothing that the model knows of has changed.
      return null
    }
    const isOld = shown?.isUsed === true && shown.endsAt < shown.mintedAt + 400 * DAY
    if (kind === 'add_account') {
      if (shown === null || isOld) return 'refused'
      shown.group.sessions.push(session)
      return this.#mint({ group: shown.group, session, replaces: null, activates: did })
    }
    if (shown !== null && !isOld && reached(shown).some((other) => other.did === did)) {
      const { group } = shown
      const hasActive = reached(shown).some((other) => other.did === group.active)
      group.sessions.push(session)
      return this.#mint({ group, session, replaces: null, activates: hasActive ? null : did })
    }
    const group = { active: did, sessions: [session] }
    this.#groups.add(group)
    return this.#mint({ group, session, replaces: shown?.group ?? null, activates: null })
  }

  /** @returns whether it is allowed, as with every change below */
  switchTo(client: number, did: string): boolean {
    const token = this.#token(client)
    if (token === null || !reached(token).some((session) => session.did === did)) return false
    token.group.active = did
    return true
  }

  unlink(client: number, did: string): boolean {
    const seen = this.seenBy(client)
    if (seen?.active == null || seen.active === did || !seen.accounts.includes(did)) return false
    return this.#endReached(client, did)
  }

  logoutTo(client: number, did: string): boolean {
    const seen = this.seenBy(client)
    if (seen === null || seen.active === did || !seen.accounts.includes(did)) return false
    if (seen.active !== null) this.#endReached(client, seen.active)
    return this.switchTo(client, did)
  }

  logout(client: number): boolean {
    const token = this.#token(client)
    if (token === null) return false
    this.#end(token.group.sessions)
    return true
  }

  revoke(did: string): void {
    for (const group of this.#groups) this.#end(group.sessions.filter((session) => session.did === did))
  }

  /** Time passes, and what nobody can reach any more is cleared away. */
  wait(now: number): void {
    this.#now = now
    for (const [id, token] of this.#tokens) {
      if (token.endsAt <= now) this.#endToken(id)
    }
  }

  /** The token that a browser holds; null when it is worth nothing. One that reaches no account is worth nothing. */
  #token(client: number): ModelToken | null {
    const token = this.#tokens.get(this.#held[client] ?? '')
    if (token === undefined || token.endsAt <= this.#now || !this.#groups.has(token.group)) return null
    return reached(token).length === 0 ? null : token
  }

  #tokensOf(group: ModelGroup): ModelToken[] {
    return [...this.#tokens.values()].filter((token) => token.group === group && token.endsAt > this.#now)
  }

  #mint(token: Omit<ModelToken, 'mintedAt' | 'isUsed' | 'endsAt'>): string {
    const id = `token-${this.#tokens.size}-${this.#now}`
    this.#tokens.set(id, { ...token, mintedAt: this.#now, isUsed: false, endsAt: this.#now + DAY })
    const unused = [...this.#tokens].filter(([, other]) => other.group === token.group && !other.isUsed)
    for (const [old] of unused.slice(0, -5)) this.#endToken(old)
    return id
  }

  /** Ends a token, and what no other reaches. */
  #endToken(id: string): void {
    const token = this.#tokens.get(id)
    if (token === undefined) return
    this.#tokens.delete(id)
    const kept = this.#tokensOf(token.group).flatMap(reached)
    this.#end(token.group.sessions.filter((session) => !kept.includes(session)))
  }

  #endReached(client: number, did: string): boolean {
    const token = this.#token(client)
    if (token !== null) this.#end(reached(token).filter((session) => session.did === did))
    return true
  }

  #end(sessions: readonly ModelSession[]): void {
    for (const group of this.#groups) {
      group.sessions = group.sessions.filter((session) => !sessions.includes(session))
      if (group.sessions.length === 0) this.#groups.delete(group)
    }
  }
}

/** Of each account the last session that authenticated before the token was minted. */
function reached({ group, mintedAt }: ModelToken): ModelSession[] {
  const known = group.sessions.filter(({ authenticatedAt }) => authenticatedAt <= mintedAt)
  return known.filter(({ did, authenticatedAt }) =>
    known.every((other) => other.did !== did || other.authenticatedAt <= authenticatedAt),
  )
}
