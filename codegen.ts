import type { CodegenConfig } from '@graphql-codegen/cli'

/**
 * Typed operations (`npm run generate`): web/generated/ from web/operations/, as TypedDocumentNodes for urql and Apollo
 * Client. The portal, the examples and the tests use them. docs/clients.md says how another frontend does.
 */
const config: CodegenConfig = {
  schema: 'schema.graphql',
  documents: 'web/operations/*.graphql',
  generates: {
    'web/generated/': {
      preset: 'client',
      presetConfig: { fragmentMasking: false },
      config: {
        enumsAsTypes: true,
        useTypeImports: true,
        scalars: { DateTime: 'string' },
        strictScalars: true,
      },
    },
  },
}

export default config
