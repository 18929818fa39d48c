// The snippets of a Markdown page: found, type-checked, run, and held to what the page says they print.
//
// A snippet is a block ```ts. If the next block is ```text, the snippet must print exactly that; if not, it
// must hold an assertion of node:assert. Each stands alone, with its imports, as a reader would copy it;
// 'unrolled' is src/index.ts. Other blocks (```, ```sh) are equations, pictures and commands.

import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

export interface Snippet {
  /** page and line: "NOTES.md:120" */
  readonly place: string
  /** the line of its first statement, from 1 */
  readonly line: number
  readonly code: string
  /** what it prints, if the page says so */
  readonly output: string | undefined
}

interface Block {
  language: string
  line: number
  text: string
}

/** All fenced blocks of a page, in order. Throws for one that is not closed. */
export function blocksOf(page: string): Block[] {
  const blocks: Block[] = []
  let open: Block | undefined
  page.split('\n').forEach((text, i) => {
    const fence = /^```(\w*)\s*$/.exec(text)
    if (!fence && open) open.text += text + '\n'
    if (!fence) return
    if (open) blocks.push(open)
    open = open ? undefined : { language: fence[1], line: i + 2, text: '' }
  })
  if (open) throw new Error(`the block that begins in line ${open.line} is not closed`)
  return blocks
}

export function snippetsOf(file: string, page = readFileSync(file, 'utf8')): Snippet[] {
  const blocks = blocksOf(page)
  return blocks.flatMap(({ language, line, text }, i) => {
    if (language !== 'ts') return []
    const next = blocks[i + 1]
    const output = next?.language === 'text' ? next.text : undefined
    return [{ place: `${file}:${line}`, line, code: text, output }]
  })
}

/** Whether running it proves anything. */
export function isChecked({ code, output }: Snippet): boolean {
  return output !== undefined || (/from 'node:assert(\/strict)?'/.test(code) && /\bassert\b[.(]/.test(code))
}

const folder = resolve('node_modules', '.cache', 'unrolled', 'snippets', String(process.pid))
const names = { unrolled: resolve('src/index.ts'), 'unrolled/node': resolve('src/node.ts') }

export function cleanUp(): void {
  rmSync(folder, { recursive: true, force: true })
}

/** Writes each snippet to a file, its lines where they are in the page; gives the names, without .ts. */
export function writeSnippets(snippets: readonly Snippet[]): string[] {
  mkdirSync(folder, { recursive: true })
  return snippets.map(({ place, line, code }) => {
    const name = place.replace(/\W/g, '-')
    writeFileSync(join(folder, `${name}.ts`), '\n'.repeat(line - 1) + code)
    return name
  })
}

/** What the compiler finds wrong with them; '' for nothing. */
export function typeErrors(files: readonly string[]): string {
  const paths = Object.fromEntries(Object.entries(names).map(([name, path]) => [name, [path]]))
  const config = {
    extends: resolve('tsconfig.json'),
    compilerOptions: { paths },
    include: [],
    files: [...files.map((name) => join(folder, `${name}.ts`)), resolve('src/globals.d.ts')],
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
  return node(['node_modules/typescript/bin/tsc', '-p', join(folder, 'tsconfig.json')])
}

/** Bundles them with the project's own build step, in its own process; gives its complaints, '' for none. */
export function bundleSnippets(files: readonly string[]): string {
  const options = {
    entries: files.map((name) => ({ in: join(folder, `${name}.ts`), out: name })),
    outdir: folder, outExtension: { '.js': '.mjs' }, alias: names, splitting: true,
  }
  return node(['--input-type=module', '--eval', `
    import { bundle } from './src/build.mjs'
    await bundle(${JSON.stringify(options)})`])
}

/** Runs one and gives what it prints. Throws if it fails. */
export function runSnippet(name: string): string {
  const args = ['--enable-source-maps', join(folder, `${name}.mjs`)]
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 600_000 })
  if (status !== 0) throw new Error(`ended with code ${status}\n${stdout}${stderr}`)
  return stdout
}

/** Runs Node; '' if all went well, else all it printed. */
function node(args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  return status === 0 ? '' : stdout + stderr || `ended with code ${status}`
}
