// Every kernel in every filling compiles, without a warning: on Dawn's null backend, which checks all that
// WebGPU asks of a kernel and runs nothing, so that also those are checked that this machine's adapter never
// takes. A device on it is led through everything that launches a kernel, once as a card and once as a gpu in
// software, with immediates and without, with weights in float32 and in float16.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { composed } from '../src/context.ts'
import type { BinaryOp, Device, UnaryOp, View } from '../src/device.ts'
import { GpuDevice } from '../src/gpu/device.ts'
import { binaryExpressions, unaryExpressions } from '../src/gpu/expressions.ts'
import type { KernelName } from '../src/gpu/kernels.ts'
import { openGpu } from '../src/gpu/open.ts'
import { sources } from '../src/gpu/sources.ts'
import { elman } from '../src/nn/elman.ts'
import { gru } from '../src/nn/gru.ts'
import { lstm } from '../src/nn/lstm.ts'
import { peephole } from '../src/nn/peephole.ts'
import { unroll } from '../src/nn/unroll.ts'
import { layerNorm, rmsNorm } from '../src/ops/norm.ts'
import { crossEntropy } from '../src/ops/loss.ts'
import { dropout } from '../src/ops/dropout.ts'
import { logSoftmax, softmax } from '../src/ops/softmax.ts'
import { sum } from '../src/ops/reduce.ts'
import { random } from '../src/random.ts'
import { parameter, Scope } from '../src/scope.ts'
import { Tape } from '../src/tape.ts'
import { tensor, zeros } from '../src/tensor.ts'
import { clipByGlobalNorm } from '../src/train/clip.ts'
import { adagrad, adam, adamw, rmsprop, sgd } from '../src/train/optimizers.ts'

const test = suite('kernels compile')

// These need subgroups of eight, which the null backend does not claim to have: gpu-matmul and gpu-fused
// compile them.
const elsewhere: readonly KernelName[] = ['matmulLanes', 'recurrenceLanes']

/** The kernels that were compiled here. */
const compiled = new Set<string>()

const entries = (Object.keys(sources) as KernelName[])
  .filter((name) => sources[name].includes('@compute') && !elsewhere.includes(name))

const view = (device: Device, ...shape: number[]): View => zeros(shape, device)

function elementwise(device: Device): void {
  const [whole, part, one] = [view(device, 5, 7, 3), view(device, 7, 1), view(device)]
  for (const op of Object.keys(unaryExpressions) as UnaryOp[]) device.unary(op, whole)
  const operands = [whole, part, one, 2]
  for (const op of Object.keys(binaryExpressions) as BinaryOp[]) {
    for (const other of operands) {
      device.binary(op, whole, other, whole.shape)
      device.binary(op, other, whole, whole.shape)
    }
  }
  for (const condition of [whole, part, one]) {
    for (const a of operands) for (const b of operands) device.select(condition, a, b, whole.shape)
  }
  device.uniform(9, [1, 2], 3)
  device.accumulate(whole, whole)
}

function moving(device: Device): void {
  const x = view(device, 6, 4)
  device.window(x, 0, [1, 4], [4, 6])
  device.place(x, 1, [6, 1], [6, 6])
  const axes = [2, 3, 5, 7]
  const strided = [209, 35, 11, 2] // none of which merge
  for (const rank of [1, 2, 3, 4]) {
    const shape = axes.slice(4 - rank)
    device.window(view(device, 600), 0, strided.slice(4 - rank), shape)
    device.place(view(device, ...shape), 0, strided.slice(4 - rank), [600])
    const turns = shape.map((n, axis) => (axis % 2 === rank % 2 ? 1 : n)) // repeated along every other axis
    device.binary('add', view(device, ...shape), view(device, ...turns), shape)
    device.select(view(device, ...turns), view(device, ...shape), 0, shape)
  }
  device.concat([x, x], 1)
  const indices = (...values: number[]) => tensor(values, { device, dtype: 'int32' })
  device.reverseTime(view(device, 6, 2, 2), indices(3, 6))
  device.gatherRows(x, indices(0, 5))
  device.scatterAddRows(x, indices(0, 1, 2, 3, 2, 1), 4)
  device.oneHot(indices(0, 1), 3, undefined, 'oneHot')
}

function reductions(device: Device): void {
  for (const shape of [[5, 7], [3, 300], [9000]]) {
    for (const op of ['sum', 'max'] as const) device.reduce(op, view(device, ...shape), [shape.length - 1])
  }
  for (const shape of [[5, 7, 6], [40, 3, 50]]) { // over two axes that do not merge
    for (const op of ['sum', 'max'] as const) device.reduce(op, view(device, ...shape), [0, 2])
  }
  const sizes = [[1, 40, 60], [3, 40, 60], [40, 40, 60], [64, 64, 4096], [130, 130, 64], [2, 2, 2]]
  for (const [M, N, K] of sizes) {
    for (const tA of [false, true]) {
      for (const tB of [false, true]) {
        const [a, b] = [tA ? [K, M] : [M, K], tB ? [N, K] : [K, N]]
        device.matmul(view(device, ...a), view(device, ...b), tA, tB)
      }
    }
  }
}

/** Cells forward and back, then clipping and an update by every rule. */
function training(device: Device): void {
  const rng = random(1)
  for (const hidden of [5, 80]) {
    const options = { inputs: 3, hidden, device, rng }
    const cells = [
      elman(options), elman({ ...options, nonlinearity: 'relu' }),
      elman({ ...options, nonlinearity: 'sigmoid' }),
      lstm(options), lstm({ ...options, projection: 2 }), gru(options), peephole(options),
    ]
    for (const cell of cells) {
      for (const B of [1, 7]) {
        for (const lengths of [undefined, Array.from({ length: B }, () => 2)]) {
          const tape = new Tape()
          const { outputs } = unroll(cell, zeros([3, B, 3], device), undefined, { lengths })
          tape.gradients(sum(outputs), cell.parameters)
          tape.close()
        }
      }
    }
  }
  const params = new Map([['w', zeros([4, 6], device)], ['b', zeros([6], device)]])
  const rules = [
    sgd({ learningRate: 1 }), sgd({ learningRate: 1, momentum: 0.9, nesterov: true, weightDecay: 0.1 }),
    rmsprop({ learningRate: 1 }), rmsprop({ learningRate: 1, centered: true, momentum: 0.9 }),
    adagrad({ learningRate: 1 }), adam({ learningRate: 1 }), adamw({ learningRate: 1 }),
  ]
  const tape = new Tape()
  const logits = softmax(layerNorm(dropout(params.get('w')!, 0.5, rng)))
  logSoftmax(rmsNorm(logits))
  const targets = tensor([1, 2, 3, 0], { device, dtype: 'int32' })
  const grads = tape.gradients(crossEntropy(logits, targets), params)
  const { grads: bounded, finite } = clipByGlobalNorm(grads, 5)
  for (const rule of rules) rule.update(params, bounded, { applyIf: finite })
  tape.close()
}

/** Products of few rows with parameters, which are read as float16 if weights are. */
function fewRows(device: Device): void {
  for (const M of [1, 2, 3, 30]) {
    for (const [N, K] of [[40, 64], [41, 63]]) {
      for (const transposeB of [false, true]) {
        const w = parameter(() => zeros(transposeB ? [N, K] : [K, N], device))
        device.matmul(view(device, M, K), w, false, transposeB)
        w.dispose()
      }
    }
  }
}

for (const kind of ['software', 'hardware'] as const) {
  const ways = [[true, null], [false, null], [true, 'native'], [false, 'unpacked']] as const
  for (const [immediates, halves] of ways) {
    const inWords = `${immediates ? 'with' : 'without'} immediates${halves ? `, float16 ${halves}` : ''}`
    test(`as ${kind}, ${inWords}`, async () => {
      const { gpu, adapter } = await openGpu({ kind: 'null' })
      const device = new GpuDevice(gpu, { adapter: { ...adapter, kind }, immediates, halves })
      const modules = new Map<string, GPUShaderModule>()
      const make = gpu.createShaderModule.bind(gpu)
      gpu.createShaderModule = (descriptor) => {
        const module = make(descriptor)
        modules.set(descriptor.label!, module)
        return module
      }
      const scope = new Scope()
      if (!halves) {
        elementwise(device)
        moving(device)
        reductions(device)
      }
      fewRows(device)
      training(device)
      if (!halves) composed(() => training(device))
      scope.close()
      await device.troubles.check(0, device.troubles.serial)
      for (const [label, module] of modules) {
        const { messages } = await module.getCompilationInfo()
        assert.equal(messages.map(({ message }) => `${label}: ${message}`), [])
      }
      device.close()
      for (const label of modules.keys()) compiled.add(label.split(' ')[0])
    })
  }
}
test('no kernel file was left out', () => {
  assert.equal(entries.filter((name) => !compiled.has(name)), [])
})

test.run()
