// A tensor: a shape, and a view on a device's memory. Its gradient and its history are the tape's.
//
// Tensors are contiguous and row-major, so that a reshape, or one step of a sequence, is the same memory seen
// otherwise. Floating-point tensors have their device's dtype; indices are int32. Everything is synchronous
// but reading. What is made while a tape or scope is open belongs to it; what is made outside is yours
// (dispose() gives it back). Next: context.ts and scope.ts for ownership, tape.ts for gradients.

import { check, show, ShapeError, TapeError, UnrolledError } from './check.ts'
import { adopt } from './context.ts'
import type { Device, DType, Memory, NumberArray, View } from './device.ts'
import { MAX_RANK, sameShape, type Shape, sizeOf } from './shape.ts'

export class Tensor implements View {
  readonly memory: Memory
  readonly offset: number
  readonly shape: Shape

  /** Not for users: ops get their tensors from `record`, users from `tensor`, `zeros`, `full`. */
  constructor(memory: Memory, offset: number, shape: Shape) {
    this.memory = memory
    this.offset = offset
    this.shape = shape
  }

  get device(): Device {
    return this.memory.device
  }

  get dtype(): DType {
    return this.memory.dtype
  }

  get rank(): number {
    return this.shape.length
  }

  get size(): number {
    return sizeOf(this.shape)
  }

  /** Copies the values to the host, row-major: the only wait there is. */
  read(): Promise<NumberArray> {
    return this.device.read(this)
  }

  /** The one value of a tensor of size 1. */
  async item(): Promise<number> {
    check(this.size === 1, () => `item: x is ${show(this.shape)}; it must hold exactly one value`)
    return (await this.read())[0]
  }

  /**
   * Writes the values of `x` into this tensor, in place: how a parameter is updated.
   * A tape that used it becomes stale.
   */
  assign(x: Tensor): void {
    check(sameShape(this.shape, x.shape) && this.dtype === x.dtype, () =>
      `assign: shapes or dtypes differ; the target is ${show(this.shape)} ${this.dtype}, ` +
      `the values are ${show(x.shape)} ${x.dtype}`)
    this.device.copyInto(this, x)
  }

  /**
   * Gives the memory back to the device. For what was made with no tape or scope open;
   * using it afterwards is an error.
   */
  dispose(): void {
    if (this.memory.freed) {
      throw new TapeError(`dispose: a tensor of shape ${show(this.shape)} was given back before`)
    }
    this.device.free(this.memory)
  }

  /** Rows of numbers, as text: `console.log(await x.format())`. */
  async format(digits = 4): Promise<string> {
    const values = await this.read()
    const cell = (v: number) => (this.dtype === 'int32' ? String(v) : v.toFixed(digits)).padStart(digits + 4)
    const print = (axis: number, start: number): string => {
      const length = this.shape[axis]
      if (length === undefined) return cell(values[start])
      const step = sizeOf(this.shape.slice(axis + 1))
      const parts = Array.from({ length }, (_, i) => print(axis + 1, start + i * step))
      return `[${parts.join(axis === this.rank - 1 ? ' ' : `\n${' '.repeat(axis + 1)}`)}]`
    }
    return `${this.dtype} ${show(this.shape)}\n${print(0, 0)}`
  }
}

/** Numbers, nested as deep as the tensor's rank; or flat, with a shape beside them. */
export type Nested = number | readonly Nested[]

export interface TensorOptions {
  device: Device
  /** needed for a flat array that is to have another rank than 1 */
  shape?: Shape
  /** int32 for indices; otherwise the device's own float type */
  dtype?: DType
}

/**
 * A tensor from host numbers: nested arrays, or a flat (typed) array with a shape.
 * @throws ShapeError for ragged nesting, a rank above 4, or a shape that does not fit the number of values
 */
export function tensor(values: Nested | ArrayLike<number>, options: TensorOptions): Tensor {
  const { device, dtype = device.dtype } = options
  const flat: number[] = []
  const nested = typeof values === 'number' || Array.isArray(values)
  const found = nested ? flatten(values as Nested, flat) : [(values as ArrayLike<number>).length]
  const data = nested ? flat : (values as ArrayLike<number>)
  const shape = options.shape ?? found
  checkShape('tensor', shape)
  check(sizeOf(shape) === data.length, () =>
    `tensor: ${data.length} values do not fill the shape ${show(shape)}, which holds ${sizeOf(shape)}`)
  if (dtype === 'int32' && !(data instanceof Int32Array)) checkWhole(data)
  return made(device.upload(data, dtype), shape)
}

/** An index of 1.5 would silently become 1, and NaN 0. */
function checkWhole(values: ArrayLike<number>): void {
  for (let i = 0; i < values.length; i++) {
    check((values[i] | 0) === values[i], () =>
      `tensor: value ${i} is ${values[i]}; int32 holds whole numbers from -2147483648 to 2147483647`)
  }
}

/** Appends the numbers of nested arrays to `out` and returns their shape. */
function flatten(values: Nested, out: number[]): number[] {
  if (typeof values === 'number') {
    out.push(values)
    return []
  }
  const shapes = values.map((part) => flatten(part, out))
  const [first = []] = shapes
  const ragged = shapes.find((shape) => !sameShape(shape, first))
  if (ragged) {
    throw new ShapeError(`tensor: nested arrays are ragged; parts are ${show(first)} and ${show(ragged)}`)
  }
  return [values.length, ...first]
}

export function checkShape(op: string, shape: Shape): void {
  check(shape.length <= MAX_RANK && shape.every((n) => Number.isInteger(n) && n >= 0), () =>
    `${op}: ${show(shape)} is not a shape; up to ${MAX_RANK} sizes, each a whole number of 0 or more`)
}

/** A tensor filled with one value. */
export function full(shape: Shape, value: number, device: Device): Tensor {
  checkShape('full', shape)
  return made(device.fill(sizeOf(shape), value), shape)
}

export function zeros(shape: Shape, device: Device): Tensor {
  return full(shape, 0, device)
}

export function ones(shape: Shape, device: Device): Tensor {
  return full(shape, 1, device)
}

function made(memory: Memory, shape: Shape): Tensor {
  adopt(memory)
  return new Tensor(memory, 0, shape)
}

/** Tensors in any nesting of arrays and records: a cell's state, those of a stack, a list of gradients. */
export type Tree = Tensor | readonly Tree[] | { readonly [name: string]: Tree }

/** The same tree with every tensor replaced by f(tensor, its path, such as "h" or "0.c"). */
export function mapTree<S extends Tree>(tree: S, f: (x: Tensor, path: string) => Tensor): S {
  const walk = (node: Tree, path: string): Tree => {
    if (node instanceof Tensor) return f(node, path)
    const below = (name: string | number) => (path ? `${path}.${name}` : String(name))
    if (isList(node)) return node.map((part, i) => walk(part, below(i)))
    return Object.fromEntries(Object.entries(node).map(([name, part]) => [name, walk(part, below(name))]))
  }
  return walk(tree, '') as S
}

/** All tensors of a tree, in order. */
export function leaves(tree: Tree): Tensor[] {
  const found: Tensor[] = []
  mapTree(tree, (x) => {
    found.push(x)
    return x
  })
  return found
}

function isList(tree: Tree): tree is readonly Tree[] {
  return Array.isArray(tree)
}

/** Gives the memory of every tensor of a tree back; views of the same memory once. */
export function dispose(tree: Tree): void {
  for (const memory of new Set(leaves(tree).map((x) => x.memory))) memory.device.free(memory)
}

/** The device that all of an op's inputs live on. */
export function commonDevice(op: string, inputs: readonly Tensor[]): Device {
  const device = inputs[0]?.device
  if (!device) throw new UnrolledError(`${op}: it needs at least one tensor`)
  for (const x of inputs) {
    if (x.device !== device) {
      throw new UnrolledError(
        `${op}: its inputs live on two devices (${device.name}, ${x.device.name}); read one and upload it`)
    }
  }
  return device
}
