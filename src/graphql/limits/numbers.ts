import { MAX_ACCOUNTS, MAX_LISTED } from '../../sessions/list.ts'

/**
 * How large a GraphQL request may be. Clients need far less: of the documents of the portal, of the examples and of
 * GraphiQL, the introspection query is the largest in all but cost.
 */

/** GraphiQL's introspection query has 191, the largest document of the portal 74. */
export const MAX_TOKENS = 1000

/** The parser keeps comments in memory although they are no tokens. */
export const MAX_COMMENTS = 100

/** Names are repeated in error messages, once for each mistake. The longest of the schema has 27 characters. */
export const MAX_NAME_LENGTH = 128

/** Each alias can repeat a query of the database. Clients rename a field or two. */
export const MAX_ALIASES = 15

/** The introspection query has 14 levels, other documents of ours 3. */
export const MAX_DEPTH = 20

/** `@skip` and `@include`, which clients use on a field or two. */
export const MAX_DIRECTIVES = 20

/**
 * The values that a response can contain. All fields of all queries in one document can have 13,000; two lists of all
 * developer tokens with their scopes, whose normal form takes the most time of all fields, are more.
 */
export const MAX_COST = 15_000

/** How many objects a list is assumed to contain. Sessions and tokens are the longest lists. */
export const OBJECTS_IN_LIST = MAX_LISTED

/** How many strings a list of scopes is assumed to contain. Granular scopes are many. */
export const SCALARS_IN_LIST = 40

/** The lists that are shorter, by the type of their objects. Scopes are described that are granted or could be. */
export const OBJECTS_IN_SHORT_LISTS = new Map([
  ['LinkedAccount', MAX_ACCOUNTS],
  ['DescribedScope', 2 * SCALARS_IN_LIST],
])

/** A flow makes the gateway look an account up and send a request to its server. */
export const MAX_STARTS = 1

/** An absolute URL is the longest string that the API takes. */
export const MAX_STRING_BYTES = 2048

/** Lists and objects inside each other. The arguments of the schema have 2 levels: an input object, and its list. */
export const MAX_VALUE_DEPTH = 5

/** Values in the variables of a request, keys of objects included. A scope upgrade names a few dozen scopes at most. */
export const MAX_VARIABLE_VALUES = 200

/** Mistakes that one response reports. */
export const MAX_ERRORS = 10

/**
 * In bytes: the text of the documents that are kept parsed for the next request. An app has a few dozen of one KB. Parsed,
 * they take up to two hundred times as much.
 */
export const MAX_CACHED_TEXT = 128 * 1024
