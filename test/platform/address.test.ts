import { expect, it } from 'vitest'
import { addressKey } from '../../src/platform/address.ts'

it.each([
  ['203.0.113.7', '203.0.113.7'],
  ['::ffff:203.0.113.7', '203.0.113.7'],
  ['::ffff:cb00:7107', '203.0.113.7'],
  ['64:ff9b::203.0.113.7', '203.0.113.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:0DB8:0001:0002:ffff::1', '2001:db8:1:2::/64'],
  ['2001:db8:1:3::1', '2001:db8:1:3::/64'],
  ['fe80::1%eth0', 'fe80::/64'],
  ['::1', '::/64'],
])('%s counts as %s', (ip, key) => {
  expect(addressKey(ip)).toBe(key)
})

it('takes what is no address as it is, up to a length', () => {
  expect(addressKey('203.0.113.7:5000')).toBe('203.0.113.7:5000')
  expect(addressKey('x'.repeat(10_000))).toHaveLength(64)
  expect(addressKey(null)).toBe('unknown')
})
