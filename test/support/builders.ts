import { newId, newSecret } from '../../src/platform/random.ts'
import { formatSessionToken, hashSecret } from '../../src/sessions/token.ts'
import type { Prisma, PrismaClient, Session } from '../../src/store/sql/generated/client.ts'

const DAY = 24 * 60 * 60 * 1000

/** A session as it stands in the database, and the text by which its client proves it. */
export type BuiltSession = { session: Session; token: string }

/** What a test says of a session; all else is as a sign-in leaves it. `groupId` puts it beside the others of a group. */
export type SessionOptions = {
  handle?: string
  grant?: Partial<Prisma.GrantUncheckedCreateInput>
} & Partial<Omit<Prisma.SessionUncheckedCreateInput, 'did' | 'grantId'>>

/** The DID that the builders give an account. */
export function didOf(handle: string): string {
  return `did:web:${handle}`
}

/**
 * Writes a session with its account, its group and a grant, which no authorization server knows: for tests that need no PDS
 * afterwards. The first of a group is the active one.
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
  const groupId = kind === 'DEVELOPER_TOKEN' ? null : (options.groupId ?? (await aGroup(db, now)))
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
