import type { PdsOption as PdsOptionShape } from '../config/fields.ts'
import { builder } from './builder.ts'

const PdsOption = builder.objectRef<PdsOptionShape>('PdsOption').implement({
  description: 'A PDS host on which accounts can be created.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'A name for people.' }),
    url: t.exposeString('url', { description: 'The value of pds_url for /auth/start.' }),
    recommended: t.exposeBoolean('recommended', { description: 'Whether to show it first.' }),
    description: t.exposeString('description', { nullable: true, description: 'A sentence about it.' }),
    infoUrl: t.exposeString('infoUrl', { nullable: true, description: 'Where to read more about this host.' }),
  }),
})

const PdsOptions = builder.objectRef<{ enabled: boolean; options: readonly PdsOptionShape[] }>('PdsOptions').implement({
  description: 'Where accounts can be created, if anywhere.',
  fields: (t) => ({
    enabled: t.exposeBoolean('enabled', { description: 'False when this gateway offers no account creation.' }),
    options: t.field({
      type: [PdsOption],
      description: 'In the order of the configuration.',
      resolve: ({ options }) => [...options],
    }),
  }),
})

builder.queryField('pdsOptions', (t) =>
  t.field({
    type: PdsOptions,
    description: 'PDS hosts on which a new account can be created. Public.',
    resolve: (_root, _args, { gateway: { config } }) => ({
      enabled: config.accountCreation,
      options: config.accountCreation ? config.pdsOptions : [],
    }),
  }),
)
