import type { CodegenConfig } from '@graphql-codegen/cli'

/** Typed operations for the portal and the tests (`npm run generate`): web/generated/ from web/operations/. */
const config: CodegenConfig = {
  schema: 'schema.graphql',
  documents: 'web/operations/*.graphql',
  generates: {
    'web/generated/': {
      preset: 'client',
      presetConfig: { fragmentMasking: false },
      config: {
        documentMode: 'string',
        enumsAsTypes: true,
        useTypeImports: true,
        scalars: { DateTime: 'string' },
        strictScalars: true,
      },
    },
  },
}

export default config
