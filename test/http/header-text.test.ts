import { expect, it } from 'vitest'
import { headerText } from '../../src/http/header-text.ts'

it.each([
  ['', ''],
  ['alice.example.com', 'alice.example.com'],
  ['repo:*?action=create&x="y", ~!', 'repo:*?action=create&x="y", ~!'],
  ['100%', '100%25'],
  ['%0d%0a', '%250d%250a'],
  ['a\r\nb\tc\0d\x7f', 'a%0D%0Ab%09c%00d%7F'],
  ['é☃😀', '%C3%A9%E2%98%83%F0%9F%98%80'],
])('%j stands in a header as %s, and decodes to itself', (text, header) => {
  expect(headerText(text)).toBe(header)
  expect(decodeURIComponent(headerText(text))).toBe(text)
})
