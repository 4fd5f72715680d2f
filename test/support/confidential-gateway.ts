import { generateKeyPairSync } from 'node:crypto'
import type { Environment } from '../../src/config/config.ts'
import { fixture } from './fixtures.ts'
import { freePort } from './free-port.ts'
import { startGateway, type TestGateway } from './gateway.ts'
import { PUBLIC_NAME, startTlsFront } from './public-name.ts'

/** A gateway that the PDS takes for a confidential client: under a public name, behind a TLS front, with two keys. */
export type ConfidentialGateway = TestGateway & { publicUrl: string }

export async function startConfidentialGateway(env: Environment = {}): Promise<ConfidentialGateway> {
  const port = await freePort()
  const publicUrl = `https://${PUBLIC_NAME}:${port}`
  const atgate = await startGateway({
    PUBLIC_URL: publicUrl,
    CLIENT_NAME: 'Test App',
    OAUTH_PRIVATE_KEYS: JSON.stringify({ keys: [privateKey('new'), privateKey('old')] }),
    ...env,
  })
  const { publicName } = await fixture('network')
  const front = await startTlsFront(publicName, { port, targetPort: Number(new URL(atgate.url).port) })
  return {
    ...atgate,
    publicUrl,
    async close() {
      await front.close()
      await atgate.close()
    },
  }
}

function privateKey(kid: string) {
  const { privateKey: key } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return { ...key.export({ format: 'jwk' }), kid }
}
