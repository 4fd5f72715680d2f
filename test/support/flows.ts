import type { TypedDocumentNode } from '@graphql-typed-document-node/core'
import { parse } from 'graphql'
import { SANDBOX_PASSWORD } from '../../src/sandbox/accounts.ts'
import {
  CurrentUserDocument,
  ExchangeTokenDocument,
  StartAddAccountDocument,
  StartDeveloperTokenDocument,
  StartScopeUpgradeDocument,
  SwitchAccountDocument,
} from '../../web/generated/graphql.ts'
import type { GraphqlAnswer, HttpBrowser } from './http-browser.ts'
import { authorizeOnPds } from './pds-pages.ts'
import { followCallback } from './sign-in.ts'

/** The data of an answer, or an error that names what the gateway refused. */
export function dataOf<T>({ data, errors }: GraphqlAnswer<T>): T {
  if (data === null) throw new Error(`refused: ${JSON.stringify(errors)}`)
  return data
}

/** The error code with which the gateway refused, if it did. */
export const codeOf = ({ errors }: GraphqlAnswer<unknown>) => errors[0]?.extensions.code

export async function currentUserOf(browser: HttpBrowser) {
  return dataOf(await browser.graphql(CurrentUserDocument)).currentUser
}

/** The handles of the account switcher, the active one in capitals. */
export async function switcherOf(browser: HttpBrowser): Promise<string[]> {
  return shown((await currentUserOf(browser))?.linkedAccounts ?? [])
}

const LINKED_ACCOUNTS = parse('{ linkedAccounts { did handle isActive } }') as TypedDocumentNode<{
  linkedAccounts: { did: string; handle: string; isActive: boolean }[]
}>

/**
 * The accounts that the token reaches, as the switcher shows them, also where the active one was signed out; or the
 * code of the refusal.
 */
export async function reachedBy(browser: HttpBrowser, headers: Record<string, string> = {}) {
  const answer = await browser.graphql(LINKED_ACCOUNTS, undefined, headers)
  return answer.data === null ? codeOf(answer) : shown(answer.data.linkedAccounts)
}

const shown = (accounts: readonly { handle: string; isActive: boolean }[]): string[] =>
  accounts.map(({ handle, isActive }) => (isActive ? handle.toUpperCase() : handle))

export async function startAddAccount(browser: HttpBrowser, handle: string): Promise<string> {
  return dataOf(await browser.graphql(StartAddAccountDocument, { input: { handle } })).startAddAccount.authUrl
}

export async function startScopeUpgrade(browser: HttpBrowser, scopes: string[]): Promise<string> {
  return dataOf(await browser.graphql(StartScopeUpgradeDocument, { input: { scopes } })).startScopeUpgrade.authUrl
}

export async function startDeveloperToken(
  browser: HttpBrowser,
  input: { name?: string; expiresInDays?: number; scopes?: string[] } = {},
): Promise<string> {
  return dataOf(await browser.graphql(StartDeveloperTokenDocument, { input })).startDeveloperToken.authUrl
}

/** Signs in at the PDS as `handle` and follows the callback. Gives where the gateway sends the browser. */
export async function finishAs(browser: HttpBrowser, authUrl: string, handle: string): Promise<URL> {
  return followCallback(browser, await authorizeOnPds(authUrl, { username: handle, password: SANDBOX_PASSWORD }))
}

/** What the frontend was told, without the exchange token. */
export function outcomeOf(destination: URL): Record<string, string> {
  const { exchange_token, ...outcome } = Object.fromEntries(destination.searchParams)
  return outcome
}

export function exchange(browser: HttpBrowser, destination: URL, headers: Record<string, string> = {}) {
  const exchangeToken = destination.searchParams.get('exchange_token') ?? ''
  return browser.graphql(ExchangeTokenDocument, { input: { exchangeToken } }, headers)
}

/** Adds an account, from the first step to the first use of the new token, which makes the account the active one. */
export async function addAccount(browser: HttpBrowser, handle: string) {
  const destination = await finishAs(browser, await startAddAccount(browser, handle), handle)
  const { exchangeToken } = dataOf(await exchange(browser, destination))
  await currentUserOf(browser)
  return exchangeToken
}

/** Creates a developer token. Gives its text. */
export async function createDeveloperToken(
  browser: HttpBrowser,
  { as, ...input }: { as: string; name?: string; expiresInDays?: number },
): Promise<string> {
  const destination = await finishAs(browser, await startDeveloperToken(browser, input), as)
  return dataOf(await exchange(browser, destination)).exchangeToken.sessionToken ?? ''
}

export async function switchTo(browser: HttpBrowser, targetDid: string, headers: Record<string, string> = {}) {
  return browser.graphql(SwitchAccountDocument, { input: { targetDid } }, headers)
}
