import { describe, expect, it } from 'vitest'
import { formatScope, missingScopes, parseScope } from '../../src/atproto/scope.ts'

describe('scope', () => {
  it('parses each scope once, in normal form', () => {
    expect(parseScope('atproto  transition:generic atproto')).toEqual(['atproto', 'transition:generic'])
    expect(parseScope('repo?collection=com.example.note')).toEqual(parseScope('repo:com.example.note'))
  })

  it('keeps a scope that it does not know', () => {
    expect(parseScope('atproto com.example.unknown')).toEqual(['atproto', 'com.example.unknown'])
  })

  it('formats without repetition', () => {
    expect(formatScope(['atproto', 'transition:generic', 'atproto'])).toBe('atproto transition:generic')
  })

  it('finds what is missing, whatever the spelling', () => {
    expect(missingScopes(['atproto', 'repo:com.example.note'], ['atproto'])).toEqual(['repo:com.example.note'])
    expect(missingScopes(['repo?collection=com.example.note'], ['repo:com.example.note'])).toEqual([])
  })

  it.each([
    ['repo:com.example.note', 'repo:*', true],
    ['repo:*', 'repo:com.example.note', false],
    ['repo:com.example.note?action=create', 'repo:com.example.note', true],
    ['repo:com.example.note', 'repo:com.example.note?action=create', false],
    ['repo?collection=com.example.a&collection=com.example.b', 'repo:com.example.a', false],
    ['repo:com.example.note', 'transition:generic', true],
    ['blob:image/*', 'blob:*/*', true],
    ['blob:*/*', 'blob:image/*', false],
    ['blob:image/png', 'blob:image/*', true],
    ['blob:*/*', 'transition:generic', true],
    ['rpc:com.example.get?aud=*', 'rpc:com.example.get?aud=*', true],
    ['rpc:com.example.get?aud=*', 'transition:generic', true],
    ['rpc:chat.bsky.convo.getLog?aud=*', 'transition:generic', false],
    ['rpc:chat.bsky.convo.getLog?aud=*', 'transition:chat.bsky', true],
    ['account:email', 'account:email?action=manage', true],
    ['account:email?action=manage', 'account:email', false],
    ['account:email', 'transition:email', true],
    ['identity:handle', 'identity:*', true],
    ['identity:*', 'identity:handle', false],
    ['include:com.example.full', 'include:com.example.full', true],
    ['include:com.example.full', 'repo:*', false],
    ['transition:email', 'transition:generic', false],
  ])('%s is covered by %s: %s', (required, granted, isCovered) => {
    expect(missingScopes([required], ['atproto', granted])).toEqual(isCovered ? [] : parseScope(required))
  })
})
