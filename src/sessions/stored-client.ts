import type { Account, ClientToken, Session } from '../store/sql/generated/client.ts'
import type { PreparedRead } from '../store/sql/prepared-read.ts'
import type { AccountSession, Client } from './client.ts'
import { bigint, bytes, date, jsonRow, nullable, plain, rowFormat, unlessIn, Values } from './columns.ts'

// What a token finds, read as one text, which is what the session cache keeps: so it is short. What is parsed of it is
// shared by requests, and frozen. A column whose value another one has is left out.

/** A client as it is stored: with every session of its group, expired and unreachable ones too. */
export type StoredClient = { token: ClientToken; group: Client['group']; sessions: readonly AccountSession[] }

type Token = Omit<ClientToken, 'id' | 'sessionId'> & { sessionId: string | null }

const TOKEN = rowFormat<Token>('t', {
  secretHash: bytes,
  kind: plain(),
  groupId: plain(),
  sessionId: unlessIn('s."id"'),
  replacesGroupId: plain(),
  activatesDid: plain(),
  mintedAt: date,
  confirmedAt: nullable(date),
  endsAt: date,
})

type Group = Pick<Client['group'], 'version'> & { activeDid: string | null }

const GROUP = rowFormat<Group>('g', { activeDid: unlessIn('s."did"'), version: plain() })

const SESSION = rowFormat<Omit<Session, 'groupId'>>('s', {
  id: plain(),
  secretHash: nullable(bytes),
  kind: plain(),
  name: plain(),
  did: plain(),
  grantId: plain(),
  userAgent: plain(),
  createdAt: date,
  authenticatedAt: date,
  linkedAt: date,
  exchangedAt: nullable(date),
  askedScope: plain(),
  upgradeScopes: plain(),
  upgradeAskedAt: nullable(date),
  lastUsedAt: nullable(date),
  expiresAt: date,
})

const ACCOUNT = rowFormat<Omit<Account, 'did'>>('a', {
  handle: plain(),
  displayName: plain(),
  avatarUrl: plain(),
  pdsUrl: plain(),
  createdAt: date,
  refreshedAt: date,
  lookUpAfter: date,
})

const GRANT = rowFormat<AccountSession['grant']>('r', {
  scope: plain(),
  state: plain(),
  lostReason: plain(),
  expiresAt: date,
  refreshAfter: date,
  generation: bigint,
  accessEndsAt: nullable(date),
})

const WITH_ACCOUNT_AND_GRANT = 'JOIN "Account" a ON a."did" = s."did" JOIN "Grant" r ON r."id" = s."grantId"'

/**
 * The ids that a statement is asked for. As a query of its own, which hides how many they are: else PostgreSQL plans the
 * statement anew each time, when it sees fewer than it assumes.
 */
const IDS = '(SELECT $1::text[])::text[]'

/** Finds clients by the ids of their tokens: a row for each session of a group, each with the token and the group. */
export const CLIENT_READ: PreparedRead = {
  name: 'atgate_client',
  sql: `SELECT t."id", ${jsonRow(TOKEN, GROUP, SESSION, ACCOUNT, GRANT)}::text AS "text"
          FROM "ClientToken" t JOIN "SessionGroup" g ON g."id" = t."groupId"
          JOIN "Session" s ON s."groupId" = g."id" ${WITH_ACCOUNT_AND_GRANT}
         WHERE t."id" = ANY (${IDS}) ORDER BY s."linkedAt"`,
}

/** Finds the sessions of developer tokens by their ids. */
export const DEVELOPER_TOKEN_READ: PreparedRead = {
  name: 'atgate_developer_token',
  sql: `SELECT s."id", ${jsonRow(SESSION, ACCOUNT, GRANT)}::text AS "text" FROM "Session" s ${WITH_ACCOUNT_AND_GRANT}
         WHERE s."id" = ANY (${IDS}) AND s."kind" = 'DEVELOPER_TOKEN'`,
}

/**
 * @param text what CLIENT_READ has found
 * @param id that of the token
 */
export function parseClient(text: string, id: string): StoredClient {
  const [first, ...others] = text.split('\n').map(parseRow) as [ClientRow, ...ClientRow[]]
  const { token, group, session } = first
  return Object.freeze({
    token: Object.freeze({ ...token, id, sessionId: token.sessionId ?? session.id }),
    group: Object.freeze({ id: token.groupId, activeDid: group.activeDid ?? session.did, version: group.version }),
    sessions: Object.freeze([session, ...others.map((row) => row.session)]),
  })
}

/** @param text what DEVELOPER_TOKEN_READ has found */
export function parseDeveloperToken(text: string): AccountSession {
  return parseSession(new Values(text), null)
}

type ClientRow = { token: Token; group: Group; session: AccountSession }

function parseRow(json: string): ClientRow {
  const values = new Values(json)
  const token = TOKEN.parse(values)
  return { token, group: GROUP.parse(values), session: parseSession(values, token.groupId) }
}

function parseSession(values: Values, groupId: string | null): AccountSession {
  const session = SESSION.parse(values)
  const account = Object.freeze({ did: session.did, ...ACCOUNT.parse(values) })
  return Object.freeze({ ...session, groupId, account, grant: GRANT.parse(values) })
}
