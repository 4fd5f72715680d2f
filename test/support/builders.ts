import type { Grant } from '../../src/atproto/grants/grant.ts'
import type { Gateway } from '../../src/gateway.ts'
import { newId, newSecret } from '../../src/platform/random.ts'
import { presentedSession } from '../../src/sessions/authenticate.ts'
import { formatSessionToken, hashSecret } from '../../src/sessions/token.ts'
import type { Viewer } from '../../src/sessions/viewer.ts'
import type { Prisma, PrismaClient, Session } from '../../src/store/sql/generated/client.ts'

const DAY = 24 * 60 * 60 * 1000

/** A session as it stands in the database, and the text by which its client proves it. */
export type BuiltSession = { session: Session; token: string }

/**
 * What a test says of a session; all else is as a sign-in leaves it. `groupId` puts it beside the others of a group;
 * without a `secretHash` (null) it awaits its exchange.
 */
export type SessionOptions = {
  handle?: string
  grant?: Partial<Prisma.GrantUncheckedCreateInput>
} & Partial<Omit<Prisma.SessionUncheckedCreateInput, 'did' | 'grantId'>>

/** The DID that the builders give an account. */
export function didOf(handle: string): string {
  return `did:web:${handle}`
}

/**
 * Writes a session with its account, its group and a grant, which no authorization server knows: for tests that need no
 * PDS afterwards. The first of a group is the active one.
 */
export async function aSession(
  { db, now = Date.now() }: { db: PrismaClient; now?: number },
  { handle = 'alice.test', grant = {}, ...options }: SessionOptions = {},
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
      sealed: 'sealed',
      expiresAt,
      updatedAt: new Date(now),
      ...grant,
    },
  })
  const isAlone = kind === 'DEVELOPER_TOKEN' || options.secretHash === null
  const groupId = isAlone ? null : (options.groupId ?? (await aGroup(db, now)))
  const isActive = groupId !== null && (await db.session.count({ where: { groupId, isActive: true } })) === 0
  const secret = newSecret()
  const session = await db.session.create({
    data: {
      id: newId(),
      kind,
      secretHash: hashSecret(secret),
      isActive: isActive || kind === 'DEVELOPER_TOKEN',
      createdAt: new Date(now),
      linkedAt: new Date(now),
      lastUsedAt: new Date(now),
      expiresAt,
      ...options,
      did,
      groupId,
      grantId,
    },
  })
  const token = formatSessionToken({ id: session.id, secret }, { developer: kind === 'DEVELOPER_TOKEN' })
  return { session, token }
}

type Stores = { stores: Pick<Gateway['stores'], 'db'>; runtime: Pick<Gateway['runtime'], 'clock'> }

export type BuiltViewer = BuiltSession & { viewer: Viewer }

/** Writes a session as `aSession` does, and gives its client as the gateway sees it. */
export async function aViewer(gateway: Stores, options: SessionOptions = {}): Promise<BuiltViewer> {
  const built = await aSession({ db: gateway.stores.db, now: gateway.runtime.clock() }, options)
  return { ...built, viewer: await viewerOf(gateway, built.token) }
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

/** Who presents this session token as a cookie. */
export async function viewerOf(gateway: Stores, token: string): Promise<Viewer> {
  const presented = await presentedSession(gateway, token)
  if (presented === null) throw new Error('the session token authenticates nobody')
  return { ...presented, via: 'cookie' }
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
  const known = { handle, pdsUrl: 'https://pds.test', refreshedAt: new Date(now) }
  await db.account.upsert({ where: { did }, create: { did, ...known }, update: known })
  return did
}

async function aGroup(db: PrismaClient, now: number): Promise<string> {
  const { id } = await db.sessionGroup.create({ data: { id: newId(), createdAt: new Date(now) } })
  return id
}
