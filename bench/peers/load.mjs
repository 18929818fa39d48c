// How the scripts find what they compare: our sources, bundled, and the packages of this folder.

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { bundle, root } from '../../src/build.mjs'

export const folder = dirname(fileURLToPath(import.meta.url))

/** A page of this folder, written in TypeScript, with all that it needs of ours. */
export async function bundled(name) {
  const outdir = join(root, 'node_modules', '.cache', 'unrolled', 'peers')
  await bundle({
    entries: [{ in: join(folder, `${name}.ts`), out: name }], outdir,
    outExtension: { '.js': '.mjs' }, packages: 'external',
  })
  return import(pathToFileURL(join(outdir, `${name}.mjs`)))
}

/** Whether a package of this folder is there. */
export function isInstalled(name) {
  try {
    createRequire(import.meta.url).resolve(name)
    return true
  } catch {
    return false
  }
}

/** "4.22.0" */
export function versionOf(name) {
  return JSON.parse(readFileSync(join(folder, 'node_modules', name, 'package.json'), 'utf8')).version
}
