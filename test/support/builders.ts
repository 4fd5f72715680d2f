import type { Grant } from '../../src/atproto/grants/grant.ts'
import type { Gateway } from '../../src/gateway.ts'
import { newId } from '../../src/platform/random.ts'
import { callerOf } from '../../src/sessions/authenticate.ts'
import type { Client } from '../../src/sessions/client.ts'
import { TOKEN_LIFETIME } from '../../src/sessions/lifetime.ts'
import { mintClientToken, mintDeveloperToken, parseToken } from '../../src/sessions/token.ts'
import { type Viewer, viewerOf } from '../../src/sessions/viewer.ts'
import type { ClientToken, Prisma, PrismaClient, Session } from '../../src/store/sql/generated/client.ts'
import { SEALED_GRANT } from './encryption-key.ts'

const HOUR = 60 * 60 * 1000
const DAY = 24 * HOUR

/** A session as it stands in the database, and the text of the token by which its client proves it. */
export type BuiltSession = { session: Session; token: string }

/**
 * What a test says of a session; all else is as a sign-in leaves it. `groupId` puts it beside the others of a group,
 * active or not; without an `exchangedAt` (null) it awaits its exchange.
 */
export type SessionOptions = {
  handle?: string
  isActive?: boolean
  grant?: Partial<Prisma.GrantUncheckedCreateInput>
} & Partial<Omit<Prisma.SessionUncheckedCreateInput, 'did' | 'grantId'>>

/** The DID that the builders give an account. */
export function didOf(handle: string): string {
  return `did:web:${handle}`
}

/**
 * Writes a session with its account, its group, a token that was used, and a grant, which no authorization server
 * knows: for tests that need no PDS afterwards. The first of a group is the active one.
 */
export async function aSession(
  { db, now = Date.now() }: { db: PrismaClient; now?: number },
  { handle = 'alice.test', isActive = false, grant = {}, ...options }: SessionOptions = {},
): Promise<BuiltSession> {
  const did = await anAccount(db, { handle, now })
  const kind = options.kind ?? 'BROWSER'
  const expiresAt = new Date(now + 14 * DAY)
  const { id: grantId } = await db.grant.create({
    data: {
      id: newId(),
      did,
      issuer: 'https://pds.test',
      scope: 'atproto',
      sealed: SEALED_GRANT,
      expiresAt,
      updatedAt: new Date(now),
      refreshAfter: new Date(now + HOUR),
      ...grant,
    },
  })
  const isAlone = kind === 'DEVELOPER_TOKEN' || options.exchangedAt === null
  const groupId = isAlone ? null : (options.groupId ?? (await aGroup(db, { did, now })))
  if (groupId !== null && isActive) await db.sessionGroup.update({ where: { id: groupId }, data: { activeDid: did } })
  const id = options.id ?? newId()
  const developerToken = mintDeveloperToken(id)
  const session = await db.session.create({
    data: {
      id,
      kind,
      secretHash: kind === 'DEVELOPER_TOKEN' ? developerToken.secretHash : null,
      createdAt: new Date(now),
      // Before any token that a test makes: every one reaches it.
      authenticatedAt: new Date(now - 60_000),
      linkedAt: new Date(now),
      exchangedAt: new Date(now),
      lastUsedAt: new Date(now),
      expiresAt,
      ...options,
      did,
      groupId,
      grantId,
    },
  })
  if (groupId === null) return { session, token: developerToken.text }
  return { session, token: (await aToken({ db, now }, session)).text }
}

/** Writes another token of the group that a session is in, used or not. */
export async function aToken(
  { db, now = Date.now() }: { db: PrismaClient; now?: number },
  { id: sessionId, kind, groupId }: Pick<Session, 'id' | 'kind' | 'groupId'>,
  options: Partial<Prisma.ClientTokenUncheckedCreateInput> = {},
): Promise<{ row: ClientToken; text: string }> {
  if (groupId === null) throw new Error('a client token belongs to a group')
  const id = newId()
  const { text, secretHash } = mintClientToken(id)
  const mintedAt = new Date(now)
  const endsAt = new Date(now + TOKEN_LIFETIME)
  const row = await db.clientToken.create({
    data: { id, secretHash, kind, groupId, sessionId, mintedAt, confirmedAt: mintedAt, endsAt, ...options },
  })
  return { row, text }
}

type Stores = {
  stores: Pick<Gateway['stores'], 'db' | 'readText'>
  runtime: Pick<Gateway['runtime'], 'clock' | 'sessionCache'>
}

/** A session of a client, as the gateway sees both. */
export type BuiltViewer = BuiltSession & { viewer: Viewer; client: Client }

/** Writes a session as `aSession` does, and gives its client as the gateway sees it. */
export async function aViewer(gateway: Stores, options: SessionOptions = {}): Promise<BuiltViewer> {
  const built = await aSession({ db: gateway.stores.db, now: gateway.runtime.clock() }, { isActive: true, ...options })
  return { ...built, ...(await seenBy(gateway, built.token)) }
}

/** What a client's token proves now, without counting as a use of it. */
export async function seenBy(
  gateway: Stores,
  token: string,
  named: string | null = null,
): Promise<{ viewer: Viewer; client: Client }> {
  const caller = await callerOfText(gateway, token)
  const viewer = viewerOf(caller, named)
  if (caller?.client == null || viewer === null) throw new Error('the token proves no client that acts as somebody')
  return { viewer, client: caller.client }
}

/** The viewer of a developer token. */
export async function developerViewer(gateway: Stores, token: string): Promise<Viewer> {
  const viewer = viewerOf(await callerOfText(gateway, token), null)
  if (viewer === null) throw new Error('the token authenticates nobody')
  return viewer
}

/** What a token's text proves now, as cookie or as bearer; null when it proves nobody. */
export async function callerOfText(gateway: Stores, text: string) {
  const token = parseToken(text)
  if (token === null) return null
  return (await callerOf(gateway, { token, as: 'cookie' })) ?? callerOf(gateway, { token, as: 'bearer' })
}

/** An OAuth grant, as the library hands it over; no server knows it. */
export function aGrant(
  tokenSet: Partial<{ [Name in keyof Grant['tokenSet']]: Grant['tokenSet'][Name] | undefined }> = {},
) {
  return {
    authMethod: { method: 'none' },
    dpopJwk: { kty: 'EC', crv: 'P-256', x: 'x', y: 'y', d: 'd' },
    tokenSet: {
      iss: 'https://pds.test',
      sub: 'did:web:alice.test',
      aud: 'https://pds.test',
      scope: 'atproto',
      token_type: 'DPoP',
      access_token: 'access-token',
      refresh_token: 'refresh-token',
      expires_at: '2030-01-01T00:00:00.000Z',
      ...tokenSet,
    },
  } as Grant
}

/** A client, as the audit trail names it. */
export const CLIENT = { ip: '203.0.113.7', userAgent: 'Test/1.0' }

/** What the audit trail says of a session, in the order of the kinds. */
export async function eventsOf({ stores }: Pick<Stores, 'stores'>, sessionId: string) {
  const events = await stores.db.auditEvent.findMany({ where: { sessionId }, orderBy: { kind: 'asc' } })
  return events.map(({ id, at, ...event }) => event)
}

async function anAccount(db: PrismaClient, { handle, now }: { handle: string; now: number }): Promise<string> {
  const did = didOf(handle)
  // Nobody could look it up.
  const lookUpAfter = new Date(now + 1000 * DAY)
  const known = { handle, pdsUrl: 'https://pds.test', refreshedAt: new Date(now), lookUpAfter }
  await db.account.upsert({ where: { did }, create: { did, ...known }, update: known })
  return did
}

async function aGroup(db: PrismaClient, { did, now }: { did: string; now: number }): Promise<string> {
  const data = { id: newId(), activeDid: did, createdAt: new Date(now) }
  return (await db.sessionGroup.create({ data })).id
}
