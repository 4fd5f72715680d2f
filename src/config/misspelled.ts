import { closest, distance } from 'fastest-levenshtein'
import type { Environment } from './config.ts'
import { SETTINGS } from './settings.ts'

/** A name in the environment that is none of ours, and the one of ours that was perhaps meant. */
export type Misspelled = { name: string; meant: string }

/**
 * Names within two letters of one of ours; short ones, such as HOME beside HOST, within one. They are warned of and
 * never refused: the environment holds names of other programs too.
 */
export function misspelledNames(env: Environment): Misspelled[] {
  const unknown = Object.keys(env).filter((name) => !SETTINGS.includes(name))
  return unknown.flatMap((name) => {
    const meant = closest(name, SETTINGS)
    return distance(name, meant) <= Math.min(2, Math.floor(meant.length / 4)) ? [{ name, meant }] : []
  })
}
