// A GPU in software for machines without one: SwiftShader, a driver of Vulkan that computes on the cpu, which
// the npm package @sparticuz/chromium carries for Linux on x64 (Node only). Nothing needs to be installed on
// the system: its files go to a cache folder, and its loader of drivers into this process.
// Read next: node-unpack.ts, the cache; node-provider.ts, where it is used.

import { accessSync, constants as modes, mkdirSync, readFileSync, statSync } from 'node:fs'
import { constants, homedir, tmpdir } from 'node:os'
import { isAbsolute, join } from 'node:path'

import { UnrolledError } from '../check.ts'
import { resolvePackage } from '../node-packages.ts'
import { unpackOnce } from './node-unpack.ts'

const PACKAGE = '@sparticuz/chromium'
const LOADER = 'libvulkan.so.1'
const MANIFEST = 'vk_swiftshader_icd.json'
const FILES = [LOADER, 'libvk_swiftshader.so', MANIFEST]

/** Where the archive is, and which version of the package it belongs to. */
export interface Packaged {
  readonly archive: string
  readonly version: string
}

/** SwiftShader is installed but cannot be used. */
export class SwiftShaderError extends UnrolledError {
  override name = 'SwiftShaderError'
}

/** SwiftShader's archive; null where its package is not installed, or is of no use. */
export function findSwiftShader(from: readonly string[]): Packaged | null {
  if (process.platform !== 'linux' || process.arch !== 'x64') return null
  const main = resolvePackage(PACKAGE, from)
  if (main === null) return null
  const folder = main.slice(0, main.lastIndexOf(PACKAGE) + PACKAGE.length)
  const archive = join(folder, 'bin', 'swiftshader.tar.br')
  try {
    accessSync(archive)
    const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string }
    return { archive, version }
  } catch {
    return null
  }
}

/** The folder that holds SwiftShader's files, unpacked when they are not there or not whole. */
export async function unpackSwiftShader({ archive, version }: Packaged): Promise<string> {
  const folder = join(cacheFolder(), `swiftshader-${version}`)
  try {
    await unpackOnce(archive, FILES, folder)
  } catch (error) {
    throw new SwiftShaderError(`gpu: SwiftShader cannot be unpacked to ${folder}: ${messageOf(error)}; ` +
      'XDG_CACHE_HOME names another folder for it')
  }
  return folder
}

const messageOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split('\n', 1)[0]

// The user's cache, or where that cannot be written, a folder of the user's own among the temporary ones.
function cacheFolder(): string {
  const { XDG_CACHE_HOME: named = '' } = process.env
  const own = join(tmpdir(), `unrolled-${process.getuid?.() ?? 'cache'}`)
  const usual = join(isAbsolute(named) ? named : join(homedir(), '.cache'), 'unrolled')
  return [usual, own].find(isOurs) ?? usual
}

// Code is loaded from there: nobody else may have put it.
function isOurs(folder: string): boolean {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    accessSync(folder, modes.W_OK | modes.X_OK)
    return statSync(folder).uid === process.getuid?.()
  } catch {
    return false
  }
}

const KEEP = 0x1000 // RTLD_NODELETE: stays loaded although Node, which finds no addon in it, lets it go

// Loads a shared library into the process for good; whether it is there.
function keepLibrary(path: string): boolean {
  try {
    process.dlopen({ exports: {} }, path, constants.dlopen.RTLD_NOW | KEEP)
    return true
  } catch (error) {
    return /did not self-register/.test(messageOf(error)) // loaded: it is no addon of Node's, that is all
  }
}

let hasLoader: boolean | undefined

/** Whether the system has a loader of Vulkan's drivers: without it Dawn finds none, and complains. */
export function canLoadVulkan(): boolean {
  return hasLoader ??= process.platform !== 'linux' || keepLibrary(LOADER) // before we bring our own
}

// The variables that name the only driver to use; older loaders know the second.
const VARIABLES = ['VK_DRIVER_FILES', 'VK_ICD_FILENAMES']

let prepared: Promise<string> | undefined

/**
 * Makes SwiftShader ready for this process; the path of its manifest. Where the system has no loader of
 * drivers, SwiftShader's own is brought into the process: Dawn then finds it by its name.
 */
export function prepareSwiftShader(packaged: Packaged): Promise<string> {
  return prepared ??= prepare(packaged)
}

async function prepare(packaged: Packaged): Promise<string> {
  const folder = await unpackSwiftShader(packaged)
  if (!canLoadVulkan() && !keepLibrary(join(folder, LOADER))) {
    throw new SwiftShaderError(`gpu: SwiftShader's loader does not load; start Node so: ${startLine(folder)}`)
  }
  return join(folder, MANIFEST)
}

/** Does something at once, while this is the only driver of Vulkan that a loader finds. */
export function withDriver<R>(manifest: string, act: () => R): R {
  const before = VARIABLES.map((name) => process.env[name])
  try {
    for (const name of VARIABLES) process.env[name] = manifest
    return act()
  } finally {
    VARIABLES.forEach((name, i) => {
      if (before[i] === undefined) delete process.env[name]
      else process.env[name] = before[i]
    })
  }
}

/** How Node is started with SwiftShader for all that it runs. */
export function startLine(folder: string): string {
  return `VK_DRIVER_FILES=${join(folder, MANIFEST)} LD_LIBRARY_PATH=${folder} node yours.mjs`
}
