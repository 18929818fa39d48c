// PyTorch as a side: a process of its own, asked by lines of JSON. torch_cpu.py answers them.

import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { folder } from './load.mjs'

/** Starts a python; null, and a line that says so, where it has no PyTorch. */
export async function startTorch(python, threads) {
  const script = join(folder, 'torch_cpu.py')
  const child = spawn(python, ['-B', script, ...(threads ? [`${threads}`] : [])], {
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  child.on('error', () => {})
  child.stdin.on('error', () => {})
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const answer = async () => {
    const { value, done } = await lines.next()
    return done ? null : JSON.parse(value)
  }
  const hello = await answer()
  if (hello === null) {
    console.log(`PyTorch is left out: ${python} cannot import torch`)
    return null
  }
  const ask = async (said) => {
    child.stdin.write(`${JSON.stringify(said)}\n`)
    const told = await answer()
    if (told === null) throw new Error(`PyTorch ${hello.version} ended; ${python} ${script} says why`)
    return told
  }
  return { ...hello, side: (job) => sideOf(ask, job), end: () => child.stdin.end() }
}

/** A job, with its operands { name: { values } }, set up over there: one at a time. */
async function sideOf(ask, { operands, ids, ...job }) {
  const texts = Object.entries(operands).map(([name, { values }]) => [name, base64(values)])
  await ask({ ...job, operands: Object.fromEntries(texts), ...(ids ? { ids: [...ids] } : {}) })
  const results = async () => {
    const { results: found } = await ask({ show: true })
    return Object.fromEntries(Object.entries(found).map(([name, text]) => [name, fromBase64(text)]))
  }
  return { results, clocked: async (seconds) => (await ask({ run: seconds })).ms, dispose() {} }
}

const base64 = (values) => Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('base64')

function fromBase64(text) {
  const bytes = Uint8Array.from(Buffer.from(text, 'base64'))
  return new Float32Array(bytes.buffer)
}
