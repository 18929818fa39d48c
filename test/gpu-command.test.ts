// Commands on a gpu: the cpu's numbers, nothing but JSON on stdout, one line on stderr, an end by itself, and
// Ctrl-C and SIGTERM as on the cpu.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { buildCommand, root, tiny, words } from './command.ts'
import { testAdapter } from './gpu-adapter.ts'
import { during } from './runs.ts'

const test = suite('gpu command')
const { path, folder, run, remove } = buildCommand()
test.after(remove)

const text = join(folder, 'text.txt')
writeFileSync(text, words(30))
const train = ['train', '--data', text, ...tiny, '--sample-every', '0', '--json']
const { adapter } = testAdapter
const onGpu = ['--device', 'gpu', ...(adapter === undefined ? [] : ['--adapter', adapter])]

interface Event {
  event: string
  step: number
  loss?: number
}

const events = (stdout: string) => stdout.trimEnd().split('\n').map((line) => JSON.parse(line) as Event)

// What Dawn itself says about an adapter; SwiftShader gives it no occasion.
const ours = (stderr: string) => stderr.replace(/^Warning: .*\n/gm, '')

const note = /^(unrolled: note: computing on \S+ \(.*\), a gpu in software\n)?$/

test('the same losses as on the cpu; the model that it saves works on both', () => {
  const saved = join(folder, 'saved')
  const [gpu, cpu] = [[...onGpu, '--out', saved], ['--device', 'cpu']].map((device) => {
    const ran = run([...train, '--steps', '10', ...device], root)
    assert.is(ran.status, 0, ran.stderr)
    assert.match(ours(ran.stderr), device.includes('gpu') ? note : /^$/)
    return events(ran.stdout).flatMap(({ loss }) => loss ?? [])
  })
  assert.is(gpu.length, 11) // with the validation
  for (const [i, loss] of gpu.entries()) {
    assert.ok(Math.abs(loss - cpu[i]) <= 1e-4 * cpu[i], `step ${i + 1}: ${loss}, on the cpu ${cpu[i]}`)
  }
  const measured = [onGpu, ['--device', 'cpu']].map((device) => {
    const ran = run(['eval', '--model', saved, '--data', text, '--json', ...device], root)
    assert.is(ran.status, 0, ran.stderr)
    return (JSON.parse(ran.stdout) as { loss: number }).loss
  })
  assert.ok(Math.abs(measured[0] - measured[1]) <= 1e-4 * measured[1], measured.join())
  const sampled = run(['sample', '--model', saved, '--length', '5', ...onGpu], root)
  assert.is(sampled.status, 0, sampled.stderr)
})

test('a run that is gone on with stays on its gpu, and ends as if it had never stopped', () => {
  const out = (name: string) => ['--out', join(folder, name)]
  const good = (args: string[]) => {
    const { status, stdout, stderr } = run(args, root)
    assert.is(status, 0, stderr)
    return stdout
  }
  const whole = good([...train, '--steps', '6', ...onGpu, ...out('whole')])
  const parts = good([...train, '--steps', '3', ...onGpu, ...out('parts')]) +
    good(['train', '--resume', join(folder, 'parts'), '--steps', '6', '--json'])
  const losses = (stdout: string) =>
    events(stdout).filter(({ event }) => event === 'step').map(({ loss }) => loss)
  assert.equal(losses(parts), losses(whole))
  const weights = ['whole', 'parts'].map((name) => readFileSync(join(folder, name, 'model.safetensors')))
  assert.ok(weights[0].equals(weights[1]))
})

/** Trains until the third step has been told, sends the signal, and waits for the end. */
const interrupted = (signal: NodeJS.Signals, out: string) =>
  during({ path, folder: root }, [...train, '--minutes', '5', ...onGpu, '--out', out], /"step":3/,
    (child) => child.kill(signal))

for (const [signal, code] of [['SIGINT', 130], ['SIGTERM', 143]] as const) {
  test(`${signal}: saved after the present step, exit code ${code}`, async () => {
    const out = join(folder, signal)
    const { stdout, stderr, how } = await interrupted(signal, out)
    assert.is(how, code, stderr)
    assert.match(ours(stderr), note)
    assert.equal(events(stdout).slice(-2).map(({ event }) => event), ['saved', 'done'])
    const { status } = run(['eval', '--model', out, '--data', text], root)
    assert.is(status, 0)
  })
}

test('killed outright it leaves nothing behind', async () => {
  const out = join(folder, 'killed')
  assert.is((await interrupted('SIGKILL', out)).how, 'SIGKILL')
  assert.is(existsSync(out), false)
})

test.run()
