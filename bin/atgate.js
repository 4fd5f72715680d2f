#!/usr/bin/env node
// Plain JavaScript that old releases of Node read too: they cannot read the TypeScript that it starts, and would say
// so in words that help nobody.
const NEEDED = 24
const major = Number(process.versions.node.split('.')[0])
if (major >= NEEDED) {
  import('../src/main.ts')
} else {
  process.stderr.write(`atgate needs Node ${NEEDED} or later, and this is Node ${process.versions.node}.\n`)
  process.exitCode = 1
}
