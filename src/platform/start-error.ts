/** Why the gateway does not start: one line for its operator, which says what is wrong and what to do. */
export class StartError extends Error {
  override readonly name = 'StartError'
}
