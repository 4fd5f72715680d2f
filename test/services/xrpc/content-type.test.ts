import { expect, it } from 'vitest'
import { harmlessType } from '../../../src/services/xrpc/content-type.ts'

it.each([
  ['application/json', 'application/json; charset=utf-8'],
  ['Application/JSON; charset=utf-7', 'application/json; charset=utf-8'],
  ['application/vnd.ipld.car', 'application/vnd.ipld.car'],
  ['image/png', 'image/png'],
  ['image/jpeg; name="x.svg"', 'image/jpeg'],
  ['video/mp4', 'video/mp4'],
  ['audio/ogg; codecs=opus', 'audio/ogg'],
])('passes %s as %s', (given, passed) => {
  expect(harmlessType(given)).toBe(passed)
})

it.each([
  ['text/html'],
  ['TEXT/HTML'],
  ['application/xhtml+xml'],
  ['image/svg+xml'],
  ['text/javascript'],
  ['application/javascript'],
  ['text/css'],
  ['application/pdf'],
  ['text/plain'],
  ['text/xml'],
  ['application/manifest+json'],
  ['multipart/x-mixed-replace; boundary=x'],
  ['image/png, text/html'],
  ['image/png text/html'],
  ['application/json, text/html'],
  ['video/'],
  [''],
  [null],
])('makes bytes of %s', (given) => {
  expect(harmlessType(given)).toBe('application/octet-stream')
})
