import { type ASTNode, type ASTVisitor, Kind, type ValidationContext } from 'graphql'
import { MAX_STRING_BYTES, MAX_VALUE_DEPTH } from './numbers.ts'
import { refusal } from './refusal.ts'

/** Bounds the values that stand in the document: the length of strings, and lists and objects inside each other. */
export function valuesRule(context: ValidationContext): ASTVisitor {
  let depth = 0
  const nested = {
    enter(node: ASTNode) {
      depth++
      if (depth === MAX_VALUE_DEPTH + 1) context.reportError(refusal(tooDeep('A value in the document'), node))
    },
    leave() {
      depth--
    },
  }
  return {
    StringValue(node, _key, parent, _path, ancestors) {
      const problem = problemOfString(node.value, nameOf([...ancestors, parent]))
      if (problem !== null) context.reportError(refusal(problem, node))
    },
    ListValue: nested,
    ObjectValue: nested,
  }
}

/** What is wrong with a string, whatever it is for; null when nothing is. */
export function problemOfString(text: string, name: string): string | null {
  if (Buffer.byteLength(text) > MAX_STRING_BYTES) {
    return `${name} is too long. A string has at most ${MAX_STRING_BYTES} bytes.`
  }
  // PostgreSQL refuses it in every text.
  if (text.includes('\0')) return `${name} contains U+0000. Leave it out.`
  return null
}

export function tooDeep(name: string): string {
  return `${name} is nested too deep: at most ${MAX_VALUE_DEPTH} lists and objects inside each other.`
}

/** The argument or variable that a value belongs to, such as `input.returnTo`. */
function nameOf(ancestors: readonly (ASTNode | readonly ASTNode[] | undefined)[]): string {
  const names: string[] = []
  for (const ancestor of ancestors) {
    if (ancestor === undefined || !('kind' in ancestor)) continue
    if (ancestor.kind === Kind.ARGUMENT || ancestor.kind === Kind.OBJECT_FIELD) names.push(ancestor.name.value)
    if (ancestor.kind === Kind.VARIABLE_DEFINITION) names.push(`$${ancestor.variable.name.value}`)
  }
  return names.join('.') || 'A text'
}
