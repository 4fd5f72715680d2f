import { type KeyObject, sign } from 'node:crypto'

/** In bytes: one of the two numbers of a signature, of the 256-bit curves. */
const NUMBER = 32

/**
 * Signs with a key on P-256 or secp256k1 and SHA-256, in the form of JWS (RFC 7518 §3.4, RFC 8812 §3.2). Node.js has an
 * option for this form, with which a signature takes twice as long.
 */
export function signEs(key: KeyObject, text: string): Buffer {
  return fromDer(sign('sha256', Buffer.from(text), key))
}

/**
 * From the form of X.509 (RFC 3279 §2.2.3): a sequence of two integers. None is long enough for a length of two bytes.
 */
function fromDer(der: Buffer): Buffer {
  const signature = Buffer.alloc(2 * NUMBER)
  const second = copyInteger(der, 2, signature.subarray(0, NUMBER))
  copyInteger(der, second, signature.subarray(NUMBER))
  return signature
}

/** Copies an integer without the zero before its digits, or with as many as it lacks. Returns where the next begins. */
function copyInteger(der: Buffer, at: number, number: Buffer): number {
  const end = at + 2 + der.readUInt8(at + 1)
  const digits = der.subarray(Math.max(at + 2, end - NUMBER), end)
  digits.copy(number, NUMBER - digits.length)
  return end
}
