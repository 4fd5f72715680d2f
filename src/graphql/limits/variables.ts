import { MAX_NAME_LENGTH, MAX_VALUE_DEPTH, MAX_VARIABLE_VALUES } from './numbers.ts'
import { refusal } from './refusal.ts'
import { problemOfString, tooDeep } from './values.ts'

/**
 * Bounds the variables of a request as the values in a document are bounded: strings, depth and number.
 * @throws GraphQLError BAD_USER_INPUT that names the variable
 */
export function requireBoundedVariables(variables: unknown): void {
  let values = 0
  for (const { value, path } of everyValue(variables, [])) {
    values++
    if (values > MAX_VARIABLE_VALUES) throw refusal(`Variables have at most ${MAX_VARIABLE_VALUES} values.`)
    if (path.length > MAX_VALUE_DEPTH + 1) throw refusal(tooDeep(nameOf(path.slice(0, 1))))
    // Messages about mistakes repeat the key.
    if ((path.at(-1)?.length ?? 0) > MAX_NAME_LENGTH) {
      throw refusal(`A name in the variables has at most ${MAX_NAME_LENGTH} characters.`)
    }
    const problem = typeof value === 'string' ? problemOfString(value, nameOf(path)) : null
    if (problem !== null) throw refusal(problem)
  }
}

/** Every value inside, each with the keys that lead to it. Recurses no deeper than its caller goes on. */
function* everyValue(
  container: unknown,
  path: readonly string[],
): Generator<{ value: unknown; path: readonly string[] }> {
  if (typeof container !== 'object' || container === null) return
  for (const [key, value] of Object.entries(container)) {
    const inside = [...path, key]
    yield { value, path: inside }
    yield* everyValue(value, inside)
  }
}

function nameOf(path: readonly string[]): string {
  return `$${path.join('.')}`
}
