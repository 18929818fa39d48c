// Rows by index on the gpu device. Indices are checked here, on the host, where they live.
// CPU twins: ../cpu/move.ts. Next: indices.ts; kernels/scatter_add.wgsl.

import type { Memory, View } from '../device.ts'
import { sizeOf } from '../shape.ts'
import type { GpuDevice } from './device.ts'
import { WORKGROUP } from './elementwise.ts'
import { checkRows, rowsByIndex } from './indices.ts'
import { gridFor } from './recorder.ts'

export function gatherRows(device: GpuDevice, table: View, index: View): Memory {
  const [V = 1, D = 1] = table.shape
  const N = sizeOf(index.shape)
  const rows = device.floats('gather', table)
  const list = device.live(index)
  checkRows('gather', list.host!, index.offset, N, V)
  const y = device.take(N * D)
  device.launch({
    kernel: 'gather', buffers: [rows, device.indexBuffer(list), y.buffer!],
    values: [N * D, D, table.offset, index.offset], grid: gridFor(N * D, WORKGROUP),
  })
  return y
}

export function scatterAddRows(device: GpuDevice, rows: View, index: View, count: number): Memory {
  const [N = 1, D = 1] = rows.shape
  const R = device.floats('scatterAdd', rows)
  const host = device.live(index).host!
  checkRows('scatterAdd', host, index.offset, N, count)
  const order = device.pool.takeBuffer(4 * (N + count + 1), device.recorder.isBusy)
  device.recorder.write(order, rowsByIndex(host, index.offset, N, count))
  const y = device.take(count * D)
  device.launch({
    kernel: 'scatterAdd', buffers: [R, order, y.buffer!],
    values: [count * D, N, D, rows.offset], grid: gridFor(count * D, WORKGROUP),
  })
  device.pool.giveBuffer(order)
  return y
}

export function oneHot(
  device: GpuDevice, index: View, count: number, ignore: number | undefined, op: string,
): Memory {
  const N = sizeOf(index.shape)
  const list = device.live(index)
  checkRows(op, list.host!, index.offset, N, count, ignore)
  const y = device.take(N * count)
  // An ignored index inside 0 .. V - 1 would be marked: it is moved out of the range.
  const masked = ignore !== undefined && ignore >= 0 && ignore < count
  const marks = masked ? device.pool.indices(device, list.host!.map((v) => (v === ignore ? -1 : v))) : list
  device.launch({
    kernel: 'oneHot', buffers: [device.indexBuffer(marks), y.buffer!],
    values: [N * count, count, index.offset], grid: gridFor(N * count, WORKGROUP),
  })
  if (masked) device.free(marks)
  return y
}
