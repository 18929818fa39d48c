// A few files out of an archive, unpacked once into a folder and checked at every start (Node only).
//
// The last file written is contents.json, each file's SHA-256. What is not as it says (a half-written folder,
// one that a cleaner has been through, a damaged file) is written anew. Each file is written under another
// name and renamed, so that processes may do this at the same time, and while others use the files.

import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { brotliDecompress } from 'node:zlib'

const LIST = 'contents.json'
const BLOCK = 512 // what a tar archive is made of

/**
 * Puts the named files of a .tar.br archive into a folder, unless they are there and whole.
 * @throws what the file system says; Error when the archive does not hold one of them
 */
export async function unpackOnce(archive: string, names: readonly string[], folder: string): Promise<void> {
  if (await isWhole(folder, names)) return
  const files = readTar(await promisify(brotliDecompress)(await readFile(archive)))
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const hashes: Record<string, string> = {}
  for (const name of names) {
    const bytes = files.get(name)
    if (bytes === undefined) throw new Error(`${archive} holds no ${name}`)
    await put(join(folder, name), bytes)
    hashes[name] = hash(bytes)
  }
  await put(join(folder, LIST), JSON.stringify(hashes))
}

const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

async function isWhole(folder: string, names: readonly string[]): Promise<boolean> {
  try {
    const hashes = JSON.parse(await readFile(join(folder, LIST), 'utf8')) as Record<string, unknown>
    for (const name of names) {
      if (hash(await readFile(join(folder, name))) !== hashes[name]) return false
    }
    return true
  } catch {
    return false // not there, or not JSON: as good as not there
  }
}

async function put(path: string, contents: Uint8Array | string): Promise<void> {
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`
  try {
    await writeFile(temporary, contents, { flag: 'wx', mode: 0o755 })
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

/** The plain files of a tar archive by name: blocks of 512 bytes, a header and then the contents. */
export function readTar(bytes: Uint8Array): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>()
  const text = (start: number, length: number): string =>
    new TextDecoder().decode(bytes.subarray(start, start + length)).replace(/\0.*$/s, '')
  for (let at = 0; at + BLOCK <= bytes.length && bytes[at] !== 0;) {
    const size = parseInt(text(at + 124, 12), 8) // octal digits
    if (!(size >= 0) || at + BLOCK + size > bytes.length) throw new Error('the archive is cut off or no tar')
    const isFile = ['', '0'].includes(text(at + 156, 1))
    if (isFile) files.set(text(at, 100).replace(/^\.\//, ''), bytes.subarray(at + BLOCK, at + BLOCK + size))
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK
  }
  return files
}
