import { afterAll, beforeAll, expect, it } from 'vitest'
import { SANDBOX_PASSWORD } from '../../src/sandbox/accounts.ts'
import { CurrentUserDocument } from '../../web/generated/graphql.ts'
import { dataOf } from '../support/flows.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { createHttpBrowser } from '../support/http-browser.ts'
import { authorizeOnPds } from '../support/pds-pages.ts'
import { type Program, startProgram } from '../support/process.ts'
import { followCallback } from '../support/sign-in.ts'
import { describeGateway } from '../support/suite.ts'
import { eventually } from '../support/tables.ts'

describeGateway('examples/developer-token.ts', () => {
  let atgate: TestGateway

  beforeAll(async () => {
    atgate = await startGateway()
  })
  afterAll(() => atgate.close())

  /**
   * What the user does with the n-th address that the program prints: goes through the PDS's pages, and back to the
   * program.
   */
  async function visit(program: Program, nth: number): Promise<void> {
    const printed = () => [...program.output().matchAll(/^https?:\/\/\S+$/gm)].map(([url]) => url)
    await eventually(async () => printed().length > nth, `address ${nth} is printed`)
    const callback = await authorizeOnPds(printed()[nth] ?? '', { username: 'alice.test', password: SANDBOX_PASSWORD })
    const destination = await followCallback(createHttpBrowser(atgate.url), callback)
    expect(await (await fetch(destination)).text()).toContain('You can close this tab')
  }

  it('gets a developer token from a terminal, and uses it', async () => {
    // No PATH: nothing is there to open a browser with.
    const program = startProgram('examples/developer-token.ts', {
      cwd: '.',
      env: { PATH: '' },
      args: ['alice.test', atgate.url],
    })
    await visit(program, 0)
    await visit(program, 1)
    expect(await program.exitCode()).toBe(0)
    expect(program.output()).toContain('It acts as alice.test')
    const [token] = /atgate_\S+/.exec(program.output()) ?? []
    const headers = { authorization: `Bearer ${token}` }
    const anyone = createHttpBrowser(atgate.url)
    const { currentUser } = dataOf(await anyone.graphql(CurrentUserDocument, undefined, headers))
    expect(currentUser).toMatchObject({ handle: 'alice.test', session: { kind: 'DEVELOPER_TOKEN' } })
    // The session that it needed on the way is gone.
    const left = await atgate.gateway.stores.db.session.findMany({ select: { kind: true } })
    expect(left).toEqual([{ kind: 'DEVELOPER_TOKEN' }])
  })
})
