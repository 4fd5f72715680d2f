import { createHttpBrowser } from '../test/support/http-browser.ts'
import { signIn } from '../test/support/sign-in.ts'
import type { ServerProcess } from './server-process.ts'

const WARM_UP = 100

/**
 * What sign-ins take of the processor in the gateway's process: from `/auth/start` to the first `currentUser`, through
 * a real PDS, each in a browser of its own, one after another.
 * @returns milliseconds for each
 */
export async function measureSignIns(gateway: ServerProcess, count: number): Promise<number> {
  const signInTimes = async (times: number) => {
    for (let turn = 0; turn < times; turn++) await signIn(createHttpBrowser(gateway.url), 'alice.test')
  }
  await signInTimes(WARM_UP)
  const before = await gateway.cpuMs()
  await signInTimes(count)
  return ((await gateway.cpuMs()) - before) / count
}
