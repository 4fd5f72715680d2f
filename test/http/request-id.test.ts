import { expect, it } from 'vitest'
import { requestId } from '../../src/http/request-log.ts'

const given = (id: string | undefined) => requestId({ headers: { 'x-request-id': id } as Record<string, string> })

it.each(['4bf92f3577b34da6a3ce929d0e0e4736', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'Root=1-67891233/abc+def.gh'])(
  'goes on with the id that a proxy gave the request: %s',
  (id) => {
    expect(given(id)).toBe(id)
  },
)

it.each([
  undefined,
  '',
  'short',
  'x'.repeat(129),
  'two words of it',
  'line\nbreak-here',
  '{"level":60,"msg":"forged"}',
])('makes a new one where there is none, or none that belongs into a log: %j', (id) => {
  expect(given(id)).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
  expect(given(id)).not.toBe(given(id))
})
