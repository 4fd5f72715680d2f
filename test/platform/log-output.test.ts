import { execFile } from 'node:child_process'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import { beforeEach, describe, expect, it } from 'vitest'
import { LogOutput } from '../../src/platform/log-output.ts'
import { createLogger, plainLog } from '../../src/platform/logger.ts'

describe('the output of the log', () => {
  let written: string[]
  let output: LogOutput

  beforeEach(() => {
    written = []
    output = new LogOutput({ write: (text) => void written.push(text), flushSync: () => void written.push('synced') })
  })

  it('writes lines together that come soon after each other, after some milliseconds', async () => {
    output.write('{"level":30,"msg":"a"}\n')
    await setTimeout(1)
    output.write('{"level":30,"msg":"b"}\n')
    expect(written).toEqual([])
    await expect.poll(() => written).toEqual(['{"level":30,"msg":"a"}\n{"level":30,"msg":"b"}\n'])
    output.write('{"level":30,"msg":"c"}\n')
    await expect.poll(() => written).toHaveLength(2)
  })

  it.each([40, 50, 60])('writes a line of the level %i at once, after what waited', (level) => {
    output.write('{"level":20,"msg":"a"}\n')
    output.write(`{"level":${level},"msg":"b"}\n`)
    expect(written).toEqual([`{"level":20,"msg":"a"}\n{"level":${level},"msg":"b"}\n`])
  })

  it('lets 100 lines wait at most', () => {
    for (let count = 0; count < 250; count++) output.write('{"level":30}\n')
    expect(written.map((text) => text.split('\n').length - 1)).toEqual([100, 100])
  })

  it('has a fatal line written before the process goes on', () => {
    const logger = createLogger({ level: 'info', destination: output })
    logger.info('a')
    logger.fatal('b')
    expect(written.map((text) => text.match(/"msg":"\w"/g) ?? text)).toEqual([['"msg":"a"', '"msg":"b"'], 'synced'])
  })
})

/** What a process writes to standard output. */
async function outputOf(script: string): Promise<string[]> {
  const imports = `import { createLogger } from '${new URL('../../src/platform/logger.ts', import.meta.url)}'`
  const text = `${imports}; const logger = createLogger({ level: 'info' }); ${script}`
  const run = promisify(execFile)(process.execPath, ['--input-type=module', '-e', text])
  const { stdout } = await run.catch((error: { stdout: string }) => error)
  return stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line).msg as string]))
}

it.each([
  ['is over', `logger.info('a'); logger.info('b')`],
  ['exits', `logger.info('a'); logger.info('b'); process.exit(0)`],
  ['exits later', `logger.info('a'); setTimeout(() => { logger.info('b'); process.exit(1) }, 50)`],
  ['fails', `logger.info('a'); logger.info('b'); throw new Error('failed')`],
])('nothing is lost when the process %s', async (_what, script) => {
  expect(await outputOf(script)).toEqual(['a', 'b'])
})

describe('plain lines', () => {
  function aLog(level: string, bindings = {}) {
    const lines: string[] = []
    const destination = { write: (line: string) => void lines.push(line) }
    const logger = createLogger({ level, destination }).child(bindings)
    return { logger, entries: () => lines.map((line) => JSON.parse(line)) }
  }

  it('are as pino writes them', () => {
    const { logger, entries } = aLog('debug', { part: 'x' })
    const fields = { route: '/a"\n\u2028', ms: 1.5, status: 200 }
    const log = plainLog(logger, 'request')
    for (const level of ['info', 'debug'] as const) {
      logger[level](fields, 'request')
      log(level, fields)
    }
    const [ofPino, ofOurs, ...debug] = entries().map(({ time, ...entry }) => ({ ...entry, time: typeof time }))
    expect(ofOurs).toEqual(ofPino)
    expect(debug[1]).toEqual(debug[0])
  })

  it('are left out below the level', () => {
    const { logger, entries } = aLog('info')
    plainLog(logger, 'request')('debug', { status: 200 })
    expect(entries()).toEqual([])
  })
})
