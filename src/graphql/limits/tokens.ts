import { Lexer, Source, TokenKind } from 'graphql'
import { MAX_COMMENTS, MAX_TOKENS } from './numbers.ts'
import { refusal } from './refusal.ts'

/**
 * Bounds a document before it is parsed: the parser recurses, and its result keeps every token and comment. The parser
 * has such limits too, but reports them as syntax errors, which Yoga may answer with 200.
 * @throws GraphQLError BAD_USER_INPUT, or GraphQL's syntax error for characters that are no token
 */
export function requireFewTokens(source: string | Source): void {
  const text = typeof source === 'string' ? source : source.body
  // Almost every document is this short, and counting is slower than looking the parsed document up in the cache.
  if (text.length <= MAX_TOKENS) return
  const lexer = new Lexer(new Source(text))
  let tokens = 0
  let comments = 0
  let token = lexer.token
  do {
    token = lexer.advance()
    tokens++
    for (let before = token.prev; before?.kind === TokenKind.COMMENT; before = before.prev) comments++
    if (tokens > MAX_TOKENS) throw refusal(`A document has at most ${MAX_TOKENS} tokens.`)
    if (comments > MAX_COMMENTS) throw refusal(`A document has at most ${MAX_COMMENTS} comments.`)
  } while (token.kind !== TokenKind.EOF)
}
