import { expect, it } from 'vitest'
import { shutdownTimes } from '../../src/platform/shutdown.ts'

it('the steps of a shutdown leave time for closing the stores', () => {
  const { leaving, requests, grants, all } = shutdownTimes(10)
  expect(all).toBe(10_000)
  expect(leaving).toBeGreaterThanOrEqual(3000)
  expect(all - leaving - requests - grants).toBeGreaterThanOrEqual(1500)
})
