// Packs what the benchmarks need into one folder that runs on a bare machine, without network: Node, the
// modules, the loader of Vulkan's drivers, the project. The machine's own part is the driver of its card.
//
//   node bench/pack.mjs OUT                          a folder OUT, which must not exist
//     --loader FILE   a libvulkan.so.1, or a .deb that holds it; again for what else the driver needs. By
//                     default this system's own, else Debian's package libvulkan1 (apt-get download)
//     --archive FILE  the same as one file, .tar.gz or .tar.xz
//
// There:   OUT/run gpu --json results.json --svg results.svg      the arguments are those of bench/run.mjs
//          OUT/run --peers [...]        beside TensorFlow.js, if bench/peers was installed when it was packed
//          OUT/run --unrolled train ... the command line of Unrolled
// Where VK_DRIVER_FILES is not set, the places where NVIDIA's driver keeps its manifest are tried as well.

import { execFileSync } from 'node:child_process'
import {
  chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync,
  realpathSync, rmSync, writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { buildPackage, root } from '../src/build.mjs'

const { values: options, positionals: [target] } = parseArgs({
  allowPositionals: true,
  options: { loader: { type: 'string', multiple: true, default: [] }, archive: { type: 'string' } },
})

// What bench/run.mjs and its benchmarks load, beside our own sources.
const MODULES = ['esbuild', 'benchmark', 'webgpu', '@observablehq/plot', '@petamoriken/float16']
// And bench/peers/run.mjs; `webgpu` it finds among those.
const PEERS = ['@tensorflow/tfjs', '@tensorflow/tfjs-backend-webgpu']
const SOURCES = ['src', 'kernels', 'bench', 'dist', 'package.json', 'tsconfig.json', 'README.md', 'LICENSE']

const RUN = `#!/bin/sh
# Runs the benchmarks with what lies beside this file: ./run gpu --json results.json
here=$(cd "$(dirname "$0")" && pwd)
export LD_LIBRARY_PATH="$here/lib\${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
export XDG_CACHE_HOME="\${XDG_CACHE_HOME:-$here/cache}"
if [ -z "$VK_DRIVER_FILES" ]; then
  for file in /etc/vulkan/icd.d/nvidia_icd.json /usr/share/vulkan/icd.d/nvidia_icd.json \\
      /usr/local/nvidia/share/vulkan/icd.d/nvidia_icd.json; do
    if [ -e "$file" ]; then export VK_DRIVER_FILES="$file"; break; fi
  done
fi
case "$1" in
  --peers) shift; exec "$here/node" "$here/project/bench/peers/run.mjs" "$@" ;;
  --unrolled) shift; exec "$here/node" "$here/project/dist/cli.js" "$@" ;;
  *) exec "$here/node" "$here/project/bench/run.mjs" "$@" ;;
esac
`

function fail(text) {
  console.error(`pack: ${text}`)
  process.exit(1)
}

// A module and, level by level, all that it depends on and that is installed.
function copyModules(names, from, to) {
  const copied = new Set()
  for (const waiting = [...names]; waiting.length > 0;) {
    const name = waiting.pop()
    const source = join(from, 'node_modules', name)
    if (copied.has(name) || !existsSync(source)) continue
    copied.add(name)
    const { dependencies = {}, optionalDependencies = {} } =
      JSON.parse(readFileSync(join(source, 'package.json'), 'utf8'))
    waiting.push(...Object.keys(dependencies), ...Object.keys(optionalDependencies))
    cpSync(source, join(to, 'node_modules', name), { recursive: true, filter: isNeeded })
  }
}

// webgpu holds Dawn for every system: ours is enough. Maps help nobody there, nor what is for browsers.
function isNeeded(path) {
  if (/\.(map|md)$/.test(path)) return false
  if (/tfjs[\w-]*\/dist\/tf[\w-]*(\.es2017|\.fesm)?(\.min)?\.js$/.test(path)) return false
  const dawn = /webgpu\/dist\/(\w+)-(\w+)$/.exec(path)
  return !dawn || (dawn[1] === process.platform && [process.arch, 'universal'].includes(dawn[2]))
}

// SwiftShader for where there is no card: its archive, and what names its version. Chromium stays here.
function copySwiftShader(to) {
  const [from, folder] = ['.', to].map((base) => join(base, 'node_modules', '@sparticuz', 'chromium'))
  if (!existsSync(from)) return
  const main = JSON.parse(readFileSync(join(from, 'package.json'), 'utf8')).main
  for (const file of ['package.json', main, join('bin', 'swiftshader.tar.br')]) {
    if (!file || !existsSync(join(from, file))) continue
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    copyFileSync(join(from, file), join(folder, file))
  }
}

const libraries = (folder) => readdirSync(folder, { recursive: true, withFileTypes: true })
  .filter(({ name }) => /\.so(\.|$)/.test(name))
  .map((entry) => join(entry.parentPath ?? entry.path, entry.name))

// The libraries of a .deb, or the library itself, under the names that programs ask for.
function copyLoader(file, to) {
  if (!existsSync(file)) fail(`${file} does not exist; --loader takes a .deb or a library`)
  if (!file.endsWith('.deb')) return copyFileSync(realpathSync(file), join(to, basename(file)))
  const scratch = mkdtempSync(join(tmpdir(), 'unrolled-pack-'))
  execFileSync('dpkg', ['-x', file, scratch])
  for (const path of libraries(scratch)) {
    if (existsSync(path)) copyFileSync(realpathSync(path), join(to, basename(path)))
  }
  rmSync(scratch, { recursive: true })
}

// This system's loader, else Debian's.
function findLoader() {
  const known = ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu', '/usr/lib64', '/usr/lib']
    .map((folder) => join(folder, 'libvulkan.so.1')).find((path) => existsSync(path))
  if (known) return known
  const scratch = mkdtempSync(join(tmpdir(), 'unrolled-pack-'))
  try {
    execFileSync('apt-get', ['download', 'libvulkan1'], { cwd: scratch, stdio: 'pipe' })
    return join(scratch, readdirSync(scratch)[0])
  } catch {
    return fail('no loader of Vulkan drivers here, and apt-get cannot bring one; give one by --loader FILE')
  }
}

if (!target) fail('usage: node bench/pack.mjs OUT [--loader FILE] [--archive FILE]')
const out = resolve(target)
if (existsSync(out)) fail(`${target} exists already`)
const archive = options.archive && resolve(options.archive)
const loaders = (options.loader.length > 0 ? options.loader : [findLoader()]).map((file) => resolve(file))
process.chdir(root)
await buildPackage()
const project = join(out, 'project')
mkdirSync(join(out, 'lib'), { recursive: true })
copyFileSync(process.execPath, join(out, 'node'))
for (const file of loaders) copyLoader(file, join(out, 'lib'))
for (const name of SOURCES) {
  cpSync(name, join(project, name), { recursive: true, filter: (path) => !/node_modules|\.map$/.test(path) })
}
copyModules(MODULES, root, project)
copySwiftShader(project)
if (existsSync('bench/peers/node_modules')) {
  copyModules(PEERS, 'bench/peers', join(project, 'bench', 'peers'))
}
writeFileSync(join(out, 'run'), RUN)
for (const name of ['run', 'node']) chmodSync(join(out, name), 0o755)
if (archive) execFileSync('tar', ['-caf', archive, '-C', dirname(out), basename(out)])
console.log(`${target} is ready: ${target}/run gpu --json results.json --svg results.svg`)
