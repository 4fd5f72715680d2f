import { isIPv4 } from 'node:net'
import ipaddr from 'ipaddr.js'

/** Longer than any address. Behind a proxy that is trusted too much the client chooses the text. */
const LONGEST = 64

/**
 * What counts as one address: an IPv4 address, however it is written, or an IPv6 network of 64 bits, of which one
 * customer has at least one whole (RFC 6177).
 */
export function addressKey(ip: string | null): string {
  if (ip === null) return 'unknown'
  // The address of most requests. To parse it takes longer.
  if (isIPv4(ip)) return ip
  if (!ipaddr.isValid(ip)) return ip.slice(0, LONGEST)
  // An IPv4 address that is mapped into IPv6 becomes what it is.
  const address = ipaddr.process(ip)
  if (address instanceof ipaddr.IPv4) return address.toString()
  if (address.range() === 'rfc6052') return embeddedIpv4(address).toString()
  return `${new ipaddr.IPv6([...address.parts.slice(0, 4), 0, 0, 0, 0])}/64`
}

/** Where IPv4 clients reach an IPv6 network through a translator, all of them are in one network (RFC 6052 §2.1). */
function embeddedIpv4(address: ipaddr.IPv6): ipaddr.IPv4 {
  return new ipaddr.IPv4(address.toByteArray().slice(12))
}
