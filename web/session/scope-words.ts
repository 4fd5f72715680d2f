const SIMPLE_SCOPES: Record<string, string> = {
  atproto: 'Know which account is yours',
  'transition:generic': 'Read and write almost everything, except direct messages',
  'transition:email': 'See your email address',
  'transition:chat.bsky': 'Read and send direct messages',
}

/** The resource types of granular scopes (atproto OAuth, "Permissions"). */
const KINDS: Record<string, (target: string) => string> = {
  repo: (target) => (target === '*' ? 'Change all your records' : `Change your ${target} records`),
  blob: () => 'Upload files',
  rpc: (target) => `Call ${target === '*' ? 'services' : target} as you`,
  account: (target) => `Manage your account: ${target}`,
  identity: (target) => `Change your identity: ${target === '*' ? 'handle and more' : target}`,
  include: (target) => `The permissions that ${target} lists`,
}

/** Returns what a scope allows, in words, or the scope itself if it is unknown. */
export function wordsForScope(scope: string): string {
  const [, kind = '', target = '*'] = /^([a-z]+)(?::([^?]+))?/.exec(scope) ?? []
  return SIMPLE_SCOPES[scope] ?? KINDS[kind]?.(target) ?? scope
}
