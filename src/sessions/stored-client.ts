import type { Account, ClientToken, Session } from '../store/sql/generated/client.ts'
import type { PreparedRead } from '../store/sql/prepared-read.ts'
import type { AccountSession, Client } from './client.ts'
import { bigint, bytes, date, type JsonRow, nullable, plain, rowFormat } from './columns.ts'

// What a token finds, read as one text, which is what the session cache keeps. What is parsed of it is shared by
// requests, and frozen. A column whose value another one has is left out.

/** A client as it is stored: with every session of its group, expired and unreachable ones too. */
export type StoredClient = { token: ClientToken; group: Client['group']; sessions: readonly AccountSession[] }

const TOKEN = rowFormat<ClientToken>('t', {
  id: plain(),
  secretHash: bytes,
  kind: plain(),
  groupId: plain(),
  sessionId: plain(),
  replacesGroupId: plain(),
  activatesDid: plain(),
  mintedAt: date,
  confirmedAt: nullable(date),
  endsAt: date,
})

const GROUP = rowFormat<Omit<Client['group'], 'id'>>('g', { activeDid: plain(), version: plain() })

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

type SessionText = readonly [session: JsonRow, account: JsonRow, grant: JsonRow]
type ClientText = readonly [token: JsonRow, group: JsonRow, sessions: readonly SessionText[] | null]

const SESSION_SQL = `json_build_array(${SESSION.sql}, ${ACCOUNT.sql}, ${GRANT.sql})`
const WITH_ACCOUNT_AND_GRANT = 'JOIN "Account" a ON a."did" = s."did" JOIN "Grant" r ON r."id" = s."grantId"'

/** Finds a client by the id of its token. */
export const CLIENT_READ: PreparedRead = {
  name: 'atgate_client',
  sql: `SELECT json_build_array(${TOKEN.sql}, ${GROUP.sql},
               (SELECT json_agg(${SESSION_SQL} ORDER BY s."linkedAt")
                  FROM "Session" s ${WITH_ACCOUNT_AND_GRANT} WHERE s."groupId" = g."id"))::text AS "text"
          FROM "ClientToken" t JOIN "SessionGroup" g ON g."id" = t."groupId" WHERE t."id" = $1`,
}

/** Finds the session of a developer token by its id. */
export const DEVELOPER_TOKEN_READ: PreparedRead = {
  name: 'atgate_developer_token',
  sql: `SELECT ${SESSION_SQL}::text AS "text" FROM "Session" s ${WITH_ACCOUNT_AND_GRANT}
         WHERE s."id" = $1 AND s."kind" = 'DEVELOPER_TOKEN'`,
}

export function parseClient(text: string): StoredClient {
  const [tokenRow, groupRow, sessions] = JSON.parse(text) as ClientText
  const token = TOKEN.parse(tokenRow)
  const { groupId } = token
  return Object.freeze({
    token,
    group: Object.freeze({ id: groupId, ...GROUP.parse(groupRow) }),
    sessions: Object.freeze((sessions ?? []).map((session) => accountSession(session, groupId))),
  })
}

export function parseDeveloperToken(text: string): AccountSession {
  return accountSession(JSON.parse(text) as SessionText, null)
}

function accountSession([sessionRow, accountRow, grantRow]: SessionText, groupId: string | null): AccountSession {
  const session = SESSION.parse(sessionRow)
  const account = Object.freeze({ did: session.did, ...ACCOUNT.parse(accountRow) })
  return Object.freeze({ ...session, groupId, account, grant: GRANT.parse(grantRow) })
}
