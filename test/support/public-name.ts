import dns from 'node:dns'
import { request } from 'node:http'
import { createServer, type Server } from 'node:https'
import tls from 'node:tls'
import { generate } from 'selfsigned'

/**
 * The name under which a PDS finds a gateway of these tests. Authorization servers refuse client ids on names such as
 * `.test` or `localhost`; this one is the project's own.
 */
export const PUBLIC_NAME = 'gateway.atgate.dev'

/** A certificate for the public name and its key, in PEM. */
export type PublicNameCertificate = { cert: string; key: string }

/**
 * Makes the public name lead to this machine, in this process: for the PDS, before it is loaded.
 * The certificate is made now and known to nobody else.
 */
export async function installPublicName(): Promise<PublicNameCertificate> {
  const { cert, private: key } = await generate([{ name: 'commonName', value: PUBLIC_NAME }], {
    keyType: 'ec',
    extensions: [
      { name: 'basicConstraints', cA: true },
      { name: 'subjectAltName', altNames: [{ type: 2, value: PUBLIC_NAME }] },
    ],
  })
  tls.setDefaultCACertificates([...tls.getCACertificates('default'), cert])
  const lookup = dns.lookup
  const lookupHere = (hostname: string, ...rest: unknown[]) =>
    Reflect.apply(lookup, dns, [hostname === PUBLIC_NAME ? '127.0.0.1' : hostname, ...rest])
  dns.lookup = Object.assign(lookupHere, { __promisify__: lookup.__promisify__ }) as typeof dns.lookup
  return { cert, key }
}

/** An https front for a gateway that listens on plain http, as a reverse proxy is. */
export async function startTlsFront(
  { cert, key }: PublicNameCertificate,
  { port, targetPort }: { port: number; targetPort: number },
): Promise<{ close(): Promise<void> }> {
  const server: Server = createServer({ cert, key }, (incoming, outgoing) => {
    const forwarded = request(
      { host: '127.0.0.1', port: targetPort, path: incoming.url, method: incoming.method, headers: incoming.headers },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(outgoing)
      },
    )
    forwarded.on('error', () => outgoing.destroy())
    incoming.pipe(forwarded)
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
