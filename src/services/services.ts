import type { Gateway } from '../gateway.ts'
import { createIdentityKeys, type IdentityKeys } from './identity-keys/identity-keys.ts'
import { createIdentityTokens, type IdentityTokens } from './identity-token.ts'

/** The parts by which services learn who somebody is. */
export type Services = { readonly identityKeys: IdentityKeys; readonly identityTokens: IdentityTokens }

export function createServices({ config, stores, runtime }: Gateway): Services {
  const identityKeys = createIdentityKeys({ ...stores, ...runtime })
  return { identityKeys, identityTokens: createIdentityTokens({ config, keys: identityKeys, ...runtime }) }
}
