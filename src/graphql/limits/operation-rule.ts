import type { ASTVisitor, ValidationContext } from 'graphql'
import { createMeter, type Measure } from './meter.ts'
import { refusal } from './refusal.ts'

/** A rule that refuses an operation that measures more than `max`. */
export function operationRule(
  measure: Measure,
  { max, message }: { max: number; message: string },
): (context: ValidationContext) => ASTVisitor {
  return (context) => {
    const measureOperation = createMeter(context, measure)
    return {
      OperationDefinition(operation) {
        if (measureOperation(operation) > max) context.reportError(refusal(message, operation))
        return false
      },
      FragmentDefinition: () => false,
    }
  }
}
