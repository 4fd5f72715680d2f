import { expect, it } from 'vitest'
import { misspelledNames } from '../../src/config/misspelled.ts'

it.each([
  ['ENCRYPTON_KEYS', 'ENCRYPTION_KEYS'],
  ['FRONTENDURL', 'FRONTEND_URL'],
  ['PUBLIC_URI', 'PUBLIC_URL'],
  ['TRUSTED_PROXY', 'TRUST_PROXY'],
  ['POST', 'PORT'],
])('%s is taken for %s', (name, meant) => {
  expect(misspelledNames({ [name]: 'x', PATH: '/bin' })).toEqual([{ name, meant }])
})

it('names of ours and of other programs are not', () => {
  const others = [
    'PATH',
    'HOME',
    'HOSTNAME',
    'PWD',
    'OLDPWD',
    'SHELL',
    'LANG',
    'TERM',
    'USER',
    'NODE_ENV',
    'NODE_OPTIONS',
  ]
  const env = Object.fromEntries(['PUBLIC_URL', 'PORT', 'HOST', ...others].map((name) => [name, 'x']))
  expect(misspelledNames(env)).toEqual([])
})
