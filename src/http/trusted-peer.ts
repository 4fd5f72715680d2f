import { BlockList } from 'node:net'
import type { FastifyRequest } from 'fastify'
import ipaddr from 'ipaddr.js'
import type { Config } from '../config/config.ts'

/** Decides whether a request comes from a proxy whose `X-Forwarded-*` headers are believed. */
export type TrustedPeer = (request: Pick<FastifyRequest, 'socket'>) => boolean

/** Trusts the peers that TRUST_PROXY names. Anybody else writes into these headers what they like. */
export function createTrustedPeer({ trustProxy }: Pick<Config, 'trustProxy'>): TrustedPeer {
  if (typeof trustProxy === 'boolean') return () => trustProxy
  const trusted = new BlockList()
  for (const text of trustProxy) {
    const [address = '', prefix] = text.split('/')
    const family = familyOf(address)
    if (prefix === undefined) trusted.addAddress(address, family)
    else trusted.addSubnet(address, Number(prefix), family)
  }
  return ({ socket: { remoteAddress } }) => {
    if (remoteAddress === undefined || !ipaddr.isValid(remoteAddress)) return false
    // An IPv4 peer of a socket that listens on IPv6 comes as an IPv6 address.
    const address = ipaddr.process(remoteAddress)
    return trusted.check(address.toString(), address.kind())
  }
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return address.includes(':') ? 'ipv6' : 'ipv4'
}
