import { resolve } from 'node:path'
import type { Config } from './config/config.ts'
import { StartError } from './platform/start-error.ts'
import { MigrationError } from './store/sql/migrate.ts'

/**
 * Says in one line why the gateway does not start, and what to do.
 * @returns null for what nobody foresaw: then the whole error is to be logged
 */
export function explainStartFailure(error: unknown, { host, port, database, dataDir }: Config): string | null {
  const causes = causesOf(error)
  const unusable = causes.find((cause) => isAbout(dataDir, cause))
  if (unusable !== undefined)
    return `The folder ${dataDir} cannot be used: ${oneLine(unusable)}. Set DATA_DIR to a folder that this user may write to.`
  const own = causes.find((cause) => cause instanceof StartError || cause instanceof MigrationError)
  const codes = causes.flatMap(codesOf)
  const place = database.kind === 'postgresql' ? placeOf(database.url) : null
  for (const code of codes) {
    const reason = LISTENING[code]?.(host, port) ?? (place === null ? undefined : DATABASE[code]?.(place))
    if (reason !== undefined) return reason
  }
  return own === undefined ? null : oneLine(own)
}

/** Whether the file system refused something in this folder, or on the way to it. */
function isAbout(folder: string, { path, syscall }: NodeJS.ErrnoException): boolean {
  if (path === undefined || syscall === undefined || syscall === 'listen') return false
  const [one, other] = [resolve(path), resolve(folder)]
  return one.startsWith(other) || other.startsWith(one)
}

const LISTENING: Record<string, (host: string, port: number) => string> = {
  EADDRINUSE: (host, port) => `Port ${port} of ${host} is taken. Stop what listens there, or set PORT.`,
  EADDRNOTAVAIL: (host) => `This machine has no address ${host}. Set HOST to one that it has, or to 0.0.0.0.`,
}

/** Where the database is, and its name and user. Never the password. */
type Place = { server: string; name: string; user: string }

const unreachable = ({ server }: Place) =>
  `The database at ${server} cannot be reached. Check DATABASE_URL, and that PostgreSQL is running there.`

/** By the code of Node.js or the SQLSTATE. */
const DATABASE: Record<string, (place: Place) => string> = {
  ECONNREFUSED: unreachable,
  ECONNRESET: unreachable,
  EHOSTUNREACH: unreachable,
  ENETUNREACH: unreachable,
  ETIMEDOUT: unreachable,
  ENOTFOUND: ({ server }) => `The database server ${server} has no address. Check the host in DATABASE_URL.`,
  EAI_AGAIN: ({ server }) => `The database server ${server} has no address. Check the host in DATABASE_URL.`,
  '28P01': ({ user }) => `The database refuses the password of ${user}. Check DATABASE_URL.`,
  '28000': ({ user }) => `The database refuses the user ${user}. Check DATABASE_URL, and its pg_hba.conf.`,
  '3D000': ({ name }) => `The server has no database ${name}. Create it, or check DATABASE_URL.`,
  '42501': ({ user, name }) =>
    `The user ${user} may not create tables in ${name}. Grant it CREATE on its schema, or make it the owner of the database.`,
  '53300': () => 'The database has too many connections. Close some, or raise max_connections.',
}

function causesOf(error: unknown): Error[] {
  if (!(error instanceof Error)) return []
  const more = error instanceof AggregateError ? error.errors : []
  return [error, ...[error.cause, ...more].flatMap(causesOf)]
}

/** Errors of the network have a `code`; the schema engine says in words alone what the database refused. */
function codesOf(error: Error): string[] {
  const { code } = error as NodeJS.ErrnoException
  const told = Object.entries(IN_WORDS).find(([, words]) => words.test(error.message))?.[0]
  return [code, told].filter((each) => typeof each === 'string')
}

const IN_WORDS = {
  '42501': /\bpermission denied for\b/,
  // What pg says of a server that accepts connections and then stays silent.
  ETIMEDOUT: /^(timeout expired|Connection terminated due to connection timeout)/,
}

function placeOf(url: string): Place {
  const { host, pathname, username } = new URL(url)
  const user = decodeURIComponent(username)
  return { server: host, user, name: decodeURIComponent(pathname.slice(1)) || user }
}

/** The message, and that of its first cause where it says more. */
function oneLine({ message, cause }: Error): string {
  // The first line: a stack may follow.
  const why = cause instanceof Error && message.includes('The cause says') ? ` ${cause.message.split('\n')[0]}` : ''
  return `${message}${why}`
}
