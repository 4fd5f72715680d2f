/**
 * A copy of a text to keep. V8 makes what is cut out of a longer text, such as a token out of a header, a reference to that
 * text, which then stays in memory as long.
 */
export function flatCopy(text: string): string {
  return Buffer.from(text).toString()
}
