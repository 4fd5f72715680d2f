import { validate } from 'graphql'
import type { Plugin } from 'graphql-yoga'
import { aliasesRule } from './aliases.ts'
import { costRule } from './cost.ts'
import { depthRule } from './depth.ts'
import { directivesRule } from './directives.ts'
import { introspectionOnceRules, noIntrospectionRule } from './introspection.ts'
import { namesRule } from './names.ts'
import { MAX_ERRORS } from './numbers.ts'
import { startsRule } from './starts.ts'
import { requireFewTokens } from './tokens.ts'
import { valuesRule } from './values.ts'
import { requireBoundedVariables } from './variables.ts'

/** The rules of every document. Each costs as much as the document has text, whatever its fragments expand to. */
export const RULES = [
  namesRule,
  depthRule,
  aliasesRule,
  directivesRule,
  valuesRule,
  startsRule,
  ...introspectionOnceRules,
  costRule,
]

/**
 * Refuses requests that are over a limit: before parsing, before GraphQL's own rules validate, and before executing.
 * @param describesSchema whether clients may learn the schema from introspection and from suggestions in errors
 */
export function limitsPlugin({ describesSchema }: { describesSchema: boolean }): Plugin {
  const rules = describesSchema ? RULES : [...RULES, noIntrospectionRule]
  // The executor reports mistakes in variables, also with suggestions.
  const suggestions = { hideSuggestions: !describesSchema }
  return {
    onParse({ params: { source } }) {
      requireFewTokens(source)
    },

    onValidate({ validateFn, setValidationFn }) {
      setValidationFn((schema, document, specifiedRules) => {
        const [refused] = validate(schema, document, rules, { maxErrors: 1 })
        if (refused !== undefined) return [refused]
        return validateFn(schema, document, specifiedRules, { maxErrors: MAX_ERRORS, ...suggestions })
      })
    },

    onExecute({ args, executeFn, setExecuteFn }) {
      requireBoundedVariables(args.variableValues)
      setExecuteFn((executing) => executeFn({ ...executing, ...suggestions }))
    },

    onSubscribe({ args, subscribeFn, setSubscribeFn }) {
      requireBoundedVariables(args.variableValues)
      setSubscribeFn((executing) => subscribeFn({ ...executing, ...suggestions }))
    },
  }
}
