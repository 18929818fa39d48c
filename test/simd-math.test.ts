// exp, tanh and sigmoid of the simd device over all float32 exponents against float64, in units in the last
// place of the float32 result; with multiply-add and without. What kernels/simd/math.ts says is held here.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Device } from '../src/device.ts'
import { exp, sigmoid, tanh } from '../src/ops/elementwise.ts'
import { random } from '../src/random.ts'
import { Scope } from '../src/scope.ts'
import { simd as openSimd } from '../src/simd/open.ts'
import { type Tensor, tensor } from '../src/tensor.ts'
import { simd } from './devices.ts'

const test = suite('simd math')

const plain = await openSimd({ threads: 1, multiplyAdd: false })
const functions: { name: string, op: (x: Tensor) => Tensor, exact: (x: number) => number, most: number }[] = [
  { name: 'exp', op: exp, exact: Math.exp, most: 1.5 },
  { name: 'tanh', op: tanh, exact: Math.tanh, most: 1.5 },
  { name: 'sigmoid', op: sigmoid, exact: (x) => 1 / (1 + Math.exp(-x)), most: 2.5 },
]

/** The smallest of the usual numbers: below it a float32 has fewer bits. */
const LEAST = 2 ** -126

/** The distance between float32 numbers as large as x. */
const unit = (x: number): number => 2 ** (Math.max(Math.floor(Math.log2(Math.abs(x))), -126) - 23)

/** Numbers of every exponent and either sign, and denser ones where the functions bend. */
function everywhere(): Float32Array {
  const rng = random(1)
  const list: number[] = []
  for (let exponent = -149; exponent <= 127; exponent++) {
    rng.uniform(400).forEach((u, k) => list.push((k % 2 ? 1 : -1) * (1 + u) * 2 ** exponent))
  }
  for (const width of [220, 4]) rng.uniform(300_000).forEach((u) => list.push(width * (u - 0.5)))
  for (const edge of [88.72283, 88.7228394, 88.37, 87.33654, 87.3365448, 103.97, 0.625, 0.62499994]) {
    list.push(edge, -edge)
  }
  return Float32Array.from(list)
}

async function values(device: Device, op: (x: Tensor) => Tensor, x: Float32Array): Promise<Float32Array> {
  using _ = new Scope()
  return await op(tensor(x, { device })).read() as Float32Array
}

for (const [way, device] of [['multiply-add', simd], ['two roundings', plain]] as const) {
  for (const { name, op, exact, most } of functions) {
    test(`${name}, ${way}: ${most} units in the last place at most`, async () => {
      const x = everywhere()
      const y = await values(device, op, x)
      let [worst, at] = [0, 0]
      for (let i = 0; i < x.length; i++) {
        const wanted = exact(x[i])
        const rounded = Math.fround(wanted)
        if (Object.is(y[i], rounded)) continue
        // tanh and its x are as small as each other, and as exact; others may lose what is below the least
        if (Math.abs(wanted) < LEAST && name !== 'tanh') {
          assert.ok(y[i] >= 0 && y[i] <= LEAST, `${name}(${x[i]}) = ${y[i]}`)
          continue
        }
        const off = Math.abs(y[i] - wanted) / unit(rounded)
        if (!(off <= worst)) [worst, at] = [off, x[i]]
      }
      assert.ok(worst <= most, `${name}(${at}) is ${worst} units off`)
    })
  }

  test(`NaN stays NaN whatever its bits, infinities reach their ends, ${way}`, async () => {
    const bits = [0x7fc00000, 0xffc00000, 0x7fc00001, 0xffc00003, 0x7f800001, 0x7fffffff, 0xffffffff]
    const strange = new Float32Array(Uint32Array.from(bits).buffer)
    const ends = Float32Array.of(Infinity, -Infinity, 1e38, -1e38, 0, -0)
    const wanted = { exp: [Infinity, 0, Infinity, 0, 1, 1], tanh: [1, -1, 1, -1, 0, -0],
      sigmoid: [1, 0, 1, 0, 0.5, 0.5] }
    for (const { name, op } of functions) {
      assert.equal(Array.from(await values(device, op, strange)), bits.map(() => NaN), name)
      const found = Array.from(await values(device, op, ends))
      wanted[name as keyof typeof wanted].forEach((value, i) =>
        assert.ok(Object.is(found[i], value), `${name}(${ends[i]}) = ${found[i]}`))
    }
  })
}

test.after(() => plain.close())

test.run()
