import { type IncomingMessage, Server, type ServerResponse } from 'node:http'
import { startNetwork } from '../../src/sandbox/network.ts'
import { createGate } from './gate.ts'

// The atproto network of a run in a process of its own. It says when it has started, holds the answers of the PDS's
// token endpoint when it is told to, and ends with the process that forked it.

const TOKEN_ENDPOINT = '/oauth/token'

const [plcPort, pdsPort] = process.argv.slice(2).map(Number)
if (plcPort === undefined || pdsPort === undefined) throw new TypeError('the ports of the directory and the PDS')
// The PDS warns of every sign-in in which a busy machine took longer than its protection against timing attacks
// assumes.
console.warn = () => undefined
const gate = createGate()
holdAnswers()
const network = await startNetwork({ plcPort, pdsPort })
process.on('message', (message) => (message === 'hold' ? gate.close() : gate.open()))
process.once('disconnect', () => network.close().finally(() => process.exit(0)))
process.send?.('started')

/** The PDS has used a refresh token up by the time that it answers: only the answer waits. */
function holdAnswers(): void {
  const emit = Server.prototype.emit
  Server.prototype.emit = function (this: Server, event: string | symbol, ...args: unknown[]) {
    const [request, response] = args as [IncomingMessage, ServerResponse]
    if (event === 'request' && request.url === TOKEN_ENDPOINT) holdEnd(response)
    return Reflect.apply(emit, this, [event, ...args])
  }
}

function holdEnd(response: ServerResponse): void {
  const end = response.end
  response.end = function (this: ServerResponse, ...args: unknown[]) {
    void gate.passed().then(() => Reflect.apply(end, this, args))
    return this
  }
}
