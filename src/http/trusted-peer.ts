import { compile } from '@fastify/proxy-addr'
import type { FastifyRequest } from 'fastify'
import type { Config } from '../config/config.ts'

/** Decides whether a request comes from a proxy whose `X-Forwarded-*` headers are believed. */
export type TrustedPeer = (request: Pick<FastifyRequest, 'socket'>) => boolean

/** Trusts the peers that TRUST_PROXY names. Anybody else writes into these headers what they like. */
export function createTrustedPeer({ trustProxy }: Pick<Config, 'trustProxy'>): TrustedPeer {
  if (typeof trustProxy === 'boolean') return () => trustProxy
  const trusts = compile(trustProxy)
  return ({ socket: { remoteAddress = '' } }) => trusts(remoteAddress, 0)
}
