const WHOLE: Record<string, string> = {
  atproto: 'Know which account is yours',
  'transition:generic': 'Read and write almost everything, except direct messages',
  'transition:email': 'See your email address',
  'transition:chat.bsky': 'Read and send direct messages',
}

/** What begins a granular scope, before its first parameter (atproto OAuth, "Permissions"). */
const KINDS: Record<string, (target: string) => string> = {
  repo: (target) => (target === '*' ? 'Change all your records' : `Change your ${target} records`),
  blob: () => 'Upload files',
  rpc: (target) => `Call ${target === '*' ? 'services' : target} as you`,
  account: (target) => `Manage your account: ${target}`,
  identity: (target) => `Change your identity: ${target === '*' ? 'handle and more' : target}`,
  include: (target) => `The permissions that ${target} lists`,
}

/** What a scope allows, in words; the scope itself where there are none. */
export function wordsForScope(scope: string): string {
  const [, kind = '', target = '*'] = /^([a-z]+)(?::([^?]+))?/.exec(scope) ?? []
  return WHOLE[scope] ?? KINDS[kind]?.(target) ?? scope
}
