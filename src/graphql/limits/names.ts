import type { ASTVisitor, ValidationContext } from 'graphql'
import { MAX_NAME_LENGTH } from './numbers.ts'
import { refusal } from './refusal.ts'

/** Bounds names, which error messages repeat. */
export function namesRule(context: ValidationContext): ASTVisitor {
  return {
    Name(node) {
      if (node.value.length <= MAX_NAME_LENGTH) return
      context.reportError(refusal(`A name has at most ${MAX_NAME_LENGTH} characters.`, node))
    },
  }
}
