/**
 * What has happened to a grant: another token set of it was stored, or it was lost. Code that keeps
 * what was read of it is told, by a function that never throws.
 */
export type GrantChange = { id: string; state: 'ok' | 'lost' }
