// One step of each cell, x [B, D] and a state -> output and state: forward alone, and with all gradients.
//
// Nothing is shared over time here, so this is the price of a step when inputs come one by one;
// train.bench.ts has whole sequences. Checked: float32 equals float64, values and gradients, with one seed.

import { cpu } from '../src/cpu/device.ts'
import type { Device } from '../src/device.ts'
import type { Cell } from '../src/nn/cell.ts'
import { elman } from '../src/nn/elman.ts'
import { gru } from '../src/nn/gru.ts'
import { jordan } from '../src/nn/jordan.ts'
import { lstm } from '../src/nn/lstm.ts'
import { square } from '../src/ops/elementwise.ts'
import { sum } from '../src/ops/reduce.ts'
import { random } from '../src/random.ts'
import { Scope } from '../src/scope.ts'
import { Tape } from '../src/tape.ts'
import { dispose, leaves, type Tensor, tensor } from '../src/tensor.ts'
import { bytes, printMachine, printTable, relativeError, secondsPerCall, verify } from './harness.ts'

const makers = { elman, jordan, lstm, gru }
type Name = keyof typeof makers
const names: readonly Name[] = ['elman', 'jordan', 'lstm', 'gru']
const sizes = [{ B: 1, D: 64, H: 128 }, { B: 32, D: 64, H: 128 }, { B: 32, D: 256, H: 256 }]

interface Subject {
  cell: Cell
  /** [B, D] */
  x: Tensor
  forward(): Tensor
  /** the output, and the gradient of the sum of its squares for every parameter */
  both(): { output: Tensor, grads: Tensor[] }
}

function subject(name: Name, { B, D, H }: typeof sizes[number], device: Device): Subject {
  const rng = random(3)
  const cell: Cell = makers[name]({ inputs: D, hidden: H, device, rng })
  const x = tensor(rng.normal(B * D), { shape: [B, D], device })
  const state = cell.initial(B)
  const forward = () => cell.step(x, state).output
  return {
    cell, x, forward,
    both: () => {
      const tape = new Tape()
      try {
        const output = forward()
        const grads = tape.gradients(sum(square(output)), new Map(Object.entries(cell.parameters)))
        return tape.keep({ output, grads: [...grads.values()] })
      } finally {
        tape.close()
      }
    },
  }
}

async function check(name: Name, size: typeof sizes[number], found: Subject): Promise<void> {
  const single = found.both()
  const double = subject(name, size, cpu({ precision: 'float64' })).both()
  const right = leaves(double)
  for (const [i, y] of leaves(single).entries()) {
    const values = await right[i].read()
    // a parameter that the first step does not use yet has a gradient of zeros
    verify(name, values.every((v) => v === 0) || relativeError(await y.read(), values) < 1e-5)
  }
  dispose(single)
  dispose(double)
}

printMachine()
for (const size of sizes) {
  const { B, D, H } = size
  const rows: string[][] = []
  for (const name of names) {
    const device = cpu()
    const one = subject(name, size, device)
    await check(name, size, one)
    const forward = secondsPerCall(() => {
      const scope = new Scope()
      one.forward()
      scope.close()
    })
    const held = device.memory().live
    device.resetPeak()
    const both = secondsPerCall(() => dispose(one.both()))
    rows.push([
      name, (forward * 1e6).toFixed(0), (both * 1e6).toFixed(0),
      (B / forward).toFixed(0), (B / both).toFixed(0),
      bytes(held), bytes(device.memory().peak - held),
    ])
  }
  printTable(
    `One step, batch ${B}, inputs ${D}, hidden ${H}, float32; values and gradients checked against float64`,
    ['', 'forward, us', 'with gradients, us', 'tokens/s', 'with gradients', 'parameters', 'peak above it'],
    rows,
  )
}
