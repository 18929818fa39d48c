// Packages that a user may or may not have installed (Node only). They are looked for where they are needed,
// so that whoever never asks for them needs none.

import { createRequire } from 'node:module'

/**
 * The path of a package's main file; null where it is not installed.
 * @param from where it is looked for, in this order: files (they need not exist) or module addresses
 */
export function resolvePackage(name: string, from: readonly string[]): string | null {
  for (const place of from) {
    try {
      return createRequire(place).resolve(name)
    } catch {
      // not there; the next place may have it
    }
  }
  return null
}
