import { type ASTNode, GraphQLError } from 'graphql'

/** A request that is over a limit. It is refused with 400 whatever media type the client accepts. */
export function refusal(message: string, node?: ASTNode): GraphQLError {
  return new GraphQLError(message, {
    nodes: node ?? null,
    // `spec: false`: Yoga answers errors that GraphQL itself specifies with 200, if the client accepts
    // application/json.
    extensions: { code: 'BAD_USER_INPUT', http: { status: 400, spec: false } },
  })
}
