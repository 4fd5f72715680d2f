import type { ASTVisitor, ValidationContext } from 'graphql'
import { MAX_DIRECTIVES } from './numbers.ts'
import { refusal } from './refusal.ts'

/** Bounds the directives of a document: each is evaluated wherever it stands. */
export function directivesRule(context: ValidationContext): ASTVisitor {
  let directives = 0
  return {
    Directive(node) {
      directives++
      if (directives <= MAX_DIRECTIVES) return
      context.reportError(refusal(`A document has at most ${MAX_DIRECTIVES} directives.`, node))
    },
  }
}
