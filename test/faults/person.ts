import type { TypedDocumentNode } from '@graphql-typed-document-node/core'
import { parse } from 'graphql'
import {
  LogoutDocument,
  StartAddAccountDocument,
  StartDeveloperTokenDocument,
  SwitchAccountDocument,
} from '../../web/generated/graphql.ts'
import { createHttpBrowser, type GraphqlAnswer, type HttpBrowser } from '../support/http-browser.ts'
import type { Account } from './accounts.ts'
import { anyOf, type Call, operation } from './caller.ts'
import { completeFlow } from './flow.ts'
import type { World } from './world.ts'

const SECOND = 1000

/** Somebody at a browser, and who they should be there. */
export type Person = {
  browser: HttpBrowser
  accounts: Account[]
  active: Account
  /** Who was active before, and until when a replica that has not heard of the switch may still say so. */
  former: { did: string; until: number }[]
  developerTokens: { bearer: string; account: Account }[]
  /** One thing at a time, or nobody could say who they should be. */
  isBusy: boolean
}

type Who = { currentUser: { did: string; session: { id: string; needsReauthentication: boolean } } | null }

const WHO = parse('{ currentUser { did session { id needsReauthentication } } }') as TypedDocumentNode<Who, object>

/** Signs in, from the first step to the first use of the token. */
export async function signIn(world: World, account: Account): Promise<Person> {
  const browser = createHttpBrowser(world.publicUrl)
  const begin = async () => (await world.caller.ask(browser, startCall(account))).answer.authUrl ?? ''
  await completeFlow(world, { kind: 'sign-ins', browser, account, begin })
  const person = { browser, accounts: [account], active: account, former: [], developerTokens: [], isBusy: true }
  await askWho(world, person)
  return person
}

type Started = { status: number; authUrl?: string; error?: string }

function startCall({ handle }: Account): Call<Started> {
  return {
    what: 'start',
    async send(browser) {
      const headers = { accept: 'application/json' }
      const response = await browser.send(`/auth/start?${new URLSearchParams({ handle })}`, { headers })
      return { status: response.status, ...((await response.json()) as object) }
    },
    refusalOf: ({ status, error }) => (status === 200 ? null : { code: error ?? 'none', status }),
  }
}

/** Asks who is signed in, and judges the answer. Gives the session; null when there is none. */
export async function askWho(world: World, person: Person, as?: Account): Promise<string | null> {
  const headers = as === undefined ? {} : { 'atgate-account': as.did }
  const call = operation(as === undefined ? 'currentUser' : 'currentUser, named account', WHO, { headers })
  const now = performance.now()
  const former = as === undefined ? person.former.filter(({ until }) => until > now) : []
  const expected = as ?? person.active
  const { answer } = await world.caller.ask(person.browser, call)
  return judge(world, answer, { expected, what: call.what, former })
}

/** The same with a developer token. */
export async function askWhoByToken(world: World, { bearer, account }: Person['developerTokens'][number]) {
  const call = operation('currentUser, developer token', WHO, { headers: { authorization: `Bearer ${bearer}` } })
  const { answer } = await world.caller.ask(createHttpBrowser(world.publicUrl), call)
  return judge(world, answer, { expected: account, what: call.what })
}

type Expectation = { expected: Account; what: string; former?: { did: string }[] }

function judge(
  { verdict }: World,
  { data }: GraphqlAnswer<Who>,
  { expected, what, former = [] }: Expectation,
): string | null {
  verdict.count('authenticated requests answered')
  const user = data?.currentUser ?? null
  if (user === null) {
    verdict.violation('lost sessions', { what, expected })
    return null
  }
  const isRight = user.did === expected.did || former.some(({ did }) => did === user.did)
  if (!isRight) verdict.violation('wrong account', { what, expected, user })
  return user.session.id
}

const notSignedIn = ({ accounts }: World, person: Person) =>
  accounts.filter(({ did }) => !person.accounts.some((account) => account.did === did))

/** Names an account that is not signed in here: nothing may be answered as anybody. */
export async function askAsStranger(world: World, person: Person): Promise<void> {
  const stranger = anyOf(notSignedIn(world, person))
  const headers = { 'atgate-account': stranger.did }
  const call = operation('currentUser, as a stranger', WHO, { headers, expects: ['ACCOUNT_CHANGED'] })
  const { answer, code } = await world.caller.ask(person.browser, call)
  if (code === null) world.verdict.violation('wrong account', { what: call.what, stranger, answer: answer.data })
}

/** So that there is always somebody who is not signed in. */
const MOST_ACCOUNTS = 3

/** Adds an account, which is the active one from the first use of the new token on. */
export async function addAccount(world: World, person: Person): Promise<void> {
  if (person.accounts.length === MOST_ACCOUNTS) return
  const account = anyOf(notSignedIn(world, person))
  const call = operation('startAddAccount', StartAddAccountDocument, {
    variables: { input: { handle: account.handle } },
  })
  const begin = async () => (await world.caller.ask(person.browser, call)).answer.data?.startAddAccount.authUrl ?? ''
  await completeFlow(world, { kind: 'accounts added', browser: person.browser, account, begin })
  person.accounts.push(account)
  person.active = account
  await askWho(world, person)
}

export async function createDeveloperToken(world: World, person: Person): Promise<void> {
  const { browser, active: account } = person
  const call = operation('startDeveloperToken', StartDeveloperTokenDocument, {
    variables: { input: { name: 'faults' } },
  })
  const begin = async () => (await world.caller.ask(browser, call)).answer.data?.startDeveloperToken.authUrl ?? ''
  const kind = 'developer tokens created'
  const { sessionToken } = await completeFlow(world, { kind, browser, account, begin })
  person.developerTokens.push({ bearer: sessionToken ?? '', account })
}

export async function switchAccount(world: World, person: Person): Promise<void> {
  const account = anyOf(person.accounts)
  const call = operation('switchAccount', SwitchAccountDocument, { variables: { input: { targetDid: account.did } } })
  const { answer } = await world.caller.ask(person.browser, call)
  // Decision 13: while Redis is away, the other replica hears of it a second later.
  person.former = [{ did: person.active.did, until: performance.now() + SECOND }, ...person.former.slice(0, 9)]
  person.active = account
  const switched = answer.data?.switchAccount.account.did
  if (switched !== account.did) world.verdict.violation('wrong account', { what: call.what, account, switched })
  await askWho(world, person)
}

/** In milliseconds: within it every replica knows that a session has ended. */
const EVERYWHERE_AFTER = 1500

/** Signs out. A copy of the cookies, as a thief has them, must then open nothing. */
export async function signOut({ caller, verdict }: World, { browser }: Person): Promise<void> {
  const copy = browser.copy()
  // An answer may have been lost, and then nobody is signed in any more.
  const call = operation('logout', LogoutDocument, { expects: ['UNAUTHENTICATED'] })
  const { code, wasTriedBefore } = await caller.ask(browser, call)
  if (code !== null && !wasTriedBefore) verdict.violation('lost sessions', { what: 'logout', code })
  verdict.count('sign-outs')
  await new Promise((resolve) => setTimeout(resolve, EVERYWHERE_AFTER))
  const { answer } = await caller.ask(copy, operation('currentUser, after signing out', WHO))
  const user = answer.data?.currentUser ?? null
  if (user !== null) verdict.violation('served after signing out', { user })
}
