// The ladder of a product, 256^3 on one core: from the triple loop in JavaScript to the simd device, and the
// register tile alone, which has no packing to do. All rungs in turns, after their results were compared.
// Read next: triple-loop.ts; ../src/cpu/matmul.ts; ../kernels/simd/gemm.ts.

import { cpu } from '../src/cpu/device.ts'
import type { Device, View } from '../src/device.ts'
import { random } from '../src/random.ts'
import { simd } from '../src/simd/open.ts'
import { inTurns, ms, printMachine, printTable, record, relativeError, verify } from './harness.ts'
import { tileAlone } from './tile-alone.ts'
import { tripleLoop } from './triple-loop.ts'

const N = 256
const FLOPS = 2 * N ** 3
const [A, B] = [1, 2].map((seed) => Float32Array.from(random(seed).normal(N * N)))
const right = new Float32Array(N * N)

function triple(): void {
  tripleLoop(right, A, B, { name: '', M: N, N, K: N })
}

/** A product on a device, checked. */
async function on(device: Device): Promise<() => void> {
  const [a, b] = [A, B].map((values): View =>
    ({ memory: device.upload(values, device.dtype), offset: 0, shape: [N, N] }))
  const memory = device.matmul(a, b, false, false)
  const found = await device.read({ memory, offset: 0, shape: [N, N] }) as Float32Array
  verify(device.name, relativeError(found, right) < 1e-5)
  device.free(memory)
  return () => device.free(device.matmul(a, b, false, false))
}

triple()
const simple = await simd({ threads: 1, multiplyAdd: false })
const one = await simd({ threads: 1 })
const two = await simd({ threads: 2 })
const tile = await tileAlone(one.multiplyAdd)
const rungs: readonly [name: string, call: () => void][] = [
  ['triple loop in JavaScript', triple],
  ['panels and 4 x 4 in JavaScript: cpu', await on(cpu())],
  ['simd, multiply and add', await on(simple)],
  ...(one.multiplyAdd ? [['simd, multiply-add', await on(one)] as [string, () => void]] : []),
  ['the tile alone, one thread', tile.call],
  ['simd, 2 threads', await on(two)],
]

printMachine('one used, or two where it says so')
const seconds = inTurns(rungs.map(([, call]) => call))
const shared = (name: string): boolean => name.includes('2 threads')
const rows = rungs.map(([name], i) => {
  const { clock, processor } = seconds[i]
  const [own, loop] = shared(name) ? [clock, seconds[0].clock] : [processor, seconds[0].processor]
  record('rate', { name, product: N, ...seconds[i], flops: FLOPS })
  return [name, ms(clock), ms(processor), (FLOPS / own / 1e9).toFixed(1), (loop / own).toFixed(1)]
})
printTable(
  'A product, 256^3, float32; GFLOP/s and ratios by processor time, of 2 threads by the clock',
  ['', 'ms, clock', 'ms, processor', 'GFLOP/s', 'times the loop'], rows,
)
for (const device of [simple, one, two]) device.close()
