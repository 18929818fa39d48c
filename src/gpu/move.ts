// Moving on the gpu device: strided windows and their adjoint, concatenation, copies. Indices move on the
// host. CPU twins: ../cpu/move.ts. Next: rows.ts; kernels/window.wgsl.

import type { Memory, View } from '../device.ts'
import { sameShape, type Shape, sizeOf, stridesOf } from '../shape.ts'
import type { GpuDevice } from './device.ts'
import { fillBuffer, WORKGROUP } from './elementwise.ts'
import { checkLengths, concatIndices, windowOfIndices } from './indices.ts'
import type { Buffer } from './memory.ts'
import { gridFor } from './recorder.ts'
import { walkOver } from './strides.ts'

export function window(
  device: GpuDevice, x: View, start: number, strides: readonly number[], shape: Shape,
): Memory {
  const { host, buffer } = device.live(x)
  if (host) return device.pool.indices(device, windowOfIndices(host, x.offset + start, strides, shape))
  const length = sizeOf(shape)
  const y = device.take(length)
  if (length === 0) return y
  if (sameShape(strides, stridesOf(shape))) { // as it lies in memory
    device.recorder.copy(buffer!, x.offset + start, y.buffer!, 0, length)
    return y
  }
  const { axes, sizes: [, n1, n2, n3], strides: [s] } = walkOver(shape, [strides])
  if (length === 1 || (n2 === 1 && s[3] === 1)) { // in one piece
    device.recorder.copy(buffer!, x.offset + start, y.buffer!, 0, length)
    return y
  }
  device.launch({
    kernel: 'window', variant: String(axes), blanks: () => ({ axes }), buffers: [buffer!, y.buffer!],
    values: [length, x.offset + start, n1, n2, n3, ...s], grid: gridFor(length, WORKGROUP),
  })
  return y
}

export function place(
  device: GpuDevice, x: View, start: number, strides: readonly number[], shape: Shape,
): Memory {
  const X = device.floats('pad', x)
  const y = device.take(sizeOf(shape))
  fillBuffer(device, y.buffer!, y.length, 0)
  placeInto(device, y.buffer!, X, x, start, strides)
  return y
}

export function concat(device: GpuDevice, parts: readonly View[], axis: number): Memory {
  const memories = parts.map((part) => device.live(part))
  const hosts = memories.flatMap(({ host }) => (host ? [host] : []))
  if (hosts.length > 0) return device.pool.indices(device, concatIndices(parts, hosts, axis))
  const shape = [...parts[0].shape]
  shape[axis] = parts.reduce((sum, part) => sum + part.shape[axis], 0)
  const strides = stridesOf(shape)
  const y = device.take(sizeOf(shape))
  let start = 0
  parts.forEach((part, k) => {
    placeInto(device, y.buffer!, memories[k].buffer!, part, start, strides)
    start += part.shape[axis] * strides[axis]
  })
  return y
}

export function reverseTime(device: GpuDevice, x: View, lengths: View): Memory {
  const [T = 1, B = 1, ...rest] = x.shape
  const X = device.floats('reverseTime', x)
  const list = device.live(lengths)
  checkLengths(list.host!, lengths.offset, T, B)
  const length = sizeOf(x.shape)
  const y = device.take(length)
  device.launch({
    kernel: 'reverseTime', buffers: [X, device.indexBuffer(list), y.buffer!],
    values: [length, B, sizeOf(rest), x.offset, lengths.offset], grid: gridFor(length, WORKGROUP),
  })
  return y
}

export function copyInto(device: GpuDevice, target: View, x: View): void {
  const [to, from] = [device.live(target), device.live(x)]
  const length = sizeOf(x.shape)
  if (to.host) {
    to.host.set(from.host!.subarray(x.offset, x.offset + length), target.offset)
    return device.pool.setBuffer(to, null) // outdated: the next kernel that asks gets new numbers
  }
  if (from.buffer !== to.buffer) {
    return device.recorder.copy(from.buffer!, x.offset, to.buffer!, target.offset, length)
  }
  const between = device.pool.takeBuffer(4 * length) // a buffer cannot be copied onto itself
  device.recorder.copy(from.buffer!, x.offset, between, 0, length)
  device.recorder.copy(between, 0, to.buffer!, target.offset, length)
  device.pool.giveBuffer(between)
}

/** Writes x into y: y[start + sum i_k strides_k] = x[i...]. */
function placeInto(
  device: GpuDevice, y: Buffer, X: Buffer, x: View, start: number, strides: readonly number[],
): void {
  const length = sizeOf(x.shape)
  if (length === 0) return
  const { axes, sizes, strides: [s] } = walkOver(x.shape, [strides])
  const inOnePiece = length === 1 || (sizes[2] === 1 && s[3] === 1)
  if (inOnePiece) return device.recorder.copy(X, x.offset, y, start, length)
  device.launch({
    kernel: 'place', variant: String(axes), blanks: () => ({ axes }), buffers: [X, y],
    values: [length, x.offset, start, ...sizes.slice(1), ...s], grid: gridFor(length, WORKGROUP),
  })
}
