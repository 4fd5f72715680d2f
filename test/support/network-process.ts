import { startNetwork } from '../../src/sandbox/network.ts'
import { installPublicName } from './public-name.ts'
import { servePublisher } from './publisher.ts'

// The atproto network of a test run in a process of its own, so that PDS and test runner do not wait for each other. It
// says when it has started, and ends with the process that forked it.

const [plcPort, pdsPort] = process.argv.slice(2).map(Number)
if (plcPort === undefined || pdsPort === undefined) throw new TypeError('the ports of the directory and the PDS')
// The PDS warns of every sign-in in which a busy machine took longer than its protection against timing attacks
// assumes.
console.warn = () => undefined
// The name that the PDS is to find has to lead here before the PDS is loaded.
const publicName = await installPublicName()
const network = await startNetwork({ plcPort, pdsPort })
process.once('disconnect', () => network.close().finally(() => process.exit(0)))
process.send?.({ publicName, publisher: await servePublisher(network.publisher) })
