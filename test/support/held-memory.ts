import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Collects what nobody holds any more, so that what is in use can be measured. */
export function collectGarbage(): void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
}

/** Bytes of the heap that something holds after it was done. */
export async function heldAfter(work: () => Promise<void> | void): Promise<number> {
  collectGarbage()
  const before = process.memoryUsage().heapUsed
  await work()
  collectGarbage()
  return process.memoryUsage().heapUsed - before
}

/** Texts as they are cut out of headers of 20 KB, to which V8 makes them references. */
export function* cutOutOfHeaders(count: number): Generator<string> {
  for (let number = 0; number < count; number++) {
    const header = Buffer.from(`${number}`.padStart(20, '0').padEnd(20_000, 'x')).toString()
    yield header.slice(0, 20)
  }
}
