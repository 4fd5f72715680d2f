import { freePort, startNetwork } from '../../src/sandbox/network.ts'
import { installPublicName } from './public-name.ts'

// The atproto network of a test run in a process of its own, so that PDS and test runner do not wait for each other.
// It says where it is, and ends with the process that forked it.

// The name that the PDS is to find has to lead here before the PDS is loaded.
const publicName = await installPublicName()
const network = await startNetwork({ plcPort: await freePort(), pdsPort: await freePort() })
process.once('disconnect', () => network.close().finally(() => process.exit(0)))
process.send?.({ plcUrl: network.plcUrl, pdsUrl: network.pdsUrl, publicName })
