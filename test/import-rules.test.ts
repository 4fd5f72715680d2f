import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { expect, it } from 'vitest'

/** The layers of the house, from the top; a file imports from its own folder and from the layers below. */
const LAYERS = [
  ['main'],
  ['cli'],
  ['app', 'start-failure'],
  ['http', 'graphql', 'jobs'],
  ['flows', 'services'],
  ['sessions'],
  ['gateway'],
  ['accounts'],
  ['atproto', 'audit'],
  ['store'],
  ['config'],
  ['platform'],
]

/** The folder of a file, or its name where it stands beside the folders. */
const layerOf = (file: string) => file.split('/')[0]?.replace(/\.ts$/, '') ?? ''
const rank = (layer: string) => LAYERS.findIndex((layers) => layers.includes(layer))

const imports = globSync('**/*.ts', { cwd: 'src', exclude: ['**/generated/**'] }).flatMap((file) =>
  [
    ...readFileSync(join('src', file), 'utf8').matchAll(/from '(\.[^']+)'|import '(\.[^']+)'|import\('(\.[^']+)'\)/g),
  ].map((match) => ({ file, target: normalize(join(dirname(file), match[1] ?? match[2] ?? match[3] ?? '')) })),
)

it('sees the imports', () => {
  expect(imports.length).toBeGreaterThan(100)
  expect(imports).toContainEqual({ file: 'app.ts', target: 'http/routes.ts' })
})

it('gives every folder a layer', () => {
  const layers = new Set(imports.flatMap(({ file, target }) => [layerOf(file), layerOf(target)]))
  layers.delete('sandbox')
  expect([...layers].filter((layer) => rank(layer) < 0)).toEqual([])
})

it('imports run one way', () => {
  const upward = imports.filter(({ file, target }) => {
    const [from, to] = [layerOf(file), layerOf(target)]
    if (from === to || from === 'sandbox') return false
    return to === 'sandbox' || rank(to) <= rank(from)
  })
  expect(upward).toEqual([])
})

it('only config/ reads the environment', () => {
  // The sandbox has settings of its own, which it hands to config/; the PDS reads LOG_ENABLED when it is loaded.
  const readers = globSync('**/*.ts', { cwd: 'src', exclude: ['**/generated/**', 'config/**', 'sandbox/**'] }).filter(
    (file) => readFileSync(join('src', file), 'utf8').includes('process.env'),
  )
  expect(readers).toEqual([])
})

it('no file imports itself by way of others', () => {
  const targetsOf = (file: string) => imports.filter((each) => each.file === file).map(({ target }) => target)
  const done = new Set<string>()
  const circles: string[] = []

  function visit(file: string, path: readonly string[]): void {
    if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(' → '))
    if (path.includes(file) || done.has(file)) return
    for (const target of targetsOf(file)) visit(target, [...path, file])
    done.add(file)
  }
  for (const { file } of imports) visit(file, [])
  expect(circles).toEqual([])
})
