/**
 * The form in which a text of somebody else's stands in a header: `%` and every byte outside printable ASCII are
 * percent-encoded (RFC 3986 §2.1), so that it can neither end the header nor be read in two ways, and everything else
 * stays as it is.
 */
export function headerText(text: string): string {
  if (PLAIN.test(text)) return text
  return Array.from(Buffer.from(text, 'utf8'), (byte) =>
    isPlain(byte) ? String.fromCharCode(byte) : encoded(byte),
  ).join('')
}

const PLAIN = /^[ -$&-~]*$/

function isPlain(byte: number): boolean {
  return byte >= 0x20 && byte <= 0x7e && byte !== 0x25
}

function encoded(byte: number): string {
  return `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
}
