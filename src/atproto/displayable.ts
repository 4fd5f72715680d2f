/**
 * A stranger's text without characters that a database refuses (U+0000) or that reorder or hide the text beside it.
 * Joiners stay: names and emoji are written with them.
 */
export function displayable(text: string): string {
  return text
    .toWellFormed()
    .replace(/[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, '')
    .trim()
}
