// A tensor: a shape, and a view on a device's memory. Its gradient and its history are the tape's.
//
// Tensors are contiguous and row-major, so that a reshape, or one step of a sequence, is the same memory seen
// otherwise. Floating-point tensors have their device's dtype; indices are int32. Everything is synchronous
// but reading. What is made while a tape or scope is open belongs to it; what is made outside is yours
// (dispose() gives it back). Next: context.ts and scope.ts for ownership, tape.ts for gradients.

import { check, checkKind, checkThat, describe, ShapeError, show, TapeError, UnrolledError } from './check.ts'
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
    checkTensor('assign', x)
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
 * @throws UnrolledError for values that are no numbers, or without a device
 */
export function tensor(values: Nested | ArrayLike<number>, options: TensorOptions): Tensor {
  const device = checkDevice('tensor', options?.device, 'tensor(values, { device })')
  const { dtype = device.dtype } = options
  const flat: number[] = []
  const found = isFlat(values) ? [values.length] : flatten(values, flat)
  const data = isFlat(values) ? values : flat
  const shape = options.shape ?? found
  checkShape('tensor', shape)
  check(sizeOf(shape) === data.length, () =>
    `tensor: ${data.length} values do not fill the shape ${show(shape)}, which holds ${sizeOf(shape)}`)
  if (dtype === 'int32' && !(data instanceof Int32Array)) checkWhole(data)
  return made(device.upload(data, dtype), shape)
}

/** A typed array, or whatever else has numbers and a length. */
function isFlat(values: Nested | ArrayLike<number>): values is ArrayLike<number> {
  return typeof values === 'object' && values !== null && !Array.isArray(values) && 'length' in values
}

function checkDevice(op: string, device: Device | undefined, call: string): Device {
  checkThat(typeof device?.upload === 'function', () =>
    `${op}: it needs a device; make one, const device = cpu(), and call ${call}`)
  return device!
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
  checkThat(Array.isArray(values), () =>
    `tensor: ${describe(values)} is among the values; they must be numbers, or lists of numbers`)
  const shapes = values.map((part) => flatten(part, out))
  const [first = []] = shapes
  const ragged = shapes.find((shape) => !sameShape(shape, first))
  if (ragged) {
    throw new ShapeError(`tensor: nested arrays are ragged; parts are ${show(first)} and ${show(ragged)}`)
  }
  return [values.length, ...first]
}

export function checkShape(op: string, shape: Shape): void {
  const isList = Array.isArray(shape)
  check(isList && shape.length <= MAX_RANK && shape.every((n) => Number.isInteger(n) && n >= 0), () =>
    `${op}: ${isList ? show(shape) : describe(shape)} is not a shape; ` +
    `up to ${MAX_RANK} sizes, each a whole number of 0 or more`)
}

/** A tensor filled with one value. */
export function full(shape: Shape, value: number, device: Device): Tensor {
  return filled('full', shape, value, device, 'full(shape, value, device)')
}

export function zeros(shape: Shape, device: Device): Tensor {
  return filled('zeros', shape, 0, device, 'zeros(shape, device)')
}

export function ones(shape: Shape, device: Device): Tensor {
  return filled('ones', shape, 1, device, 'ones(shape, device)')
}

function filled(op: string, shape: Shape, value: number, device: Device, call: string): Tensor {
  checkDevice(op, device, call)
  checkShape(op, shape)
  return made(device.fill(sizeOf(shape), value), shape)
}

function made(memory: Memory, shape: Shape): Tensor {
  adopt(memory)
  return new Tensor(memory, 0, shape)
}

/** Tensors in any nesting of arrays, records and maps: a cell's state, those of a stack, gradients. */
export type Tree = Tensor | readonly Tree[] | { readonly [name: string]: Tree } | ReadonlyMap<string, Tree>

/** The same tree with every tensor replaced by f(tensor, its path, such as "h" or "0.c"). */
export function mapTree<S extends Tree>(tree: S, f: (x: Tensor, path: string) => Tensor): S {
  checkKind('mapTree: f', f, 'a function')
  const walk = (node: Tree, path: string): Tree => {
    if (node instanceof Tensor) return f(node, path)
    const below = (name: string | number) => (path ? `${path}.${name}` : String(name))
    if (isList(node)) return node.map((part, i) => walk(part, below(i)))
    if (isMap(node)) return new Map([...node].map(([name, part]) => [name, walk(part, below(name))]))
    checkThat(isRecord(node), () =>
      `a tree of tensors ${path ? `holds ${describe(node)} at ${path}` : `is ${describe(node)}`}; ` +
      'it must be a tensor, or a list, a record or a map of them')
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

function isMap(tree: Tree): tree is ReadonlyMap<string, Tree> {
  return tree instanceof Map
}

/** Gives the memory of every tensor of a tree back; views of the same memory once. */
export function dispose(tree: Tree): void {
  for (const memory of new Set(leaves(tree).map((x) => x.memory))) memory.device.free(memory)
}

/** The device that all of an op's inputs live on; throws if one is no tensor, or lives on another. */
export function commonDevice(op: string, inputs: readonly Tensor[]): Device {
  if (!Array.isArray(inputs)) checkKind(`${op}: the list of its inputs`, inputs, 'a list')
  if (inputs.length === 0) throw new UnrolledError(`${op}: it needs at least one tensor`)
  const device = inputs[0]?.device
  for (const x of inputs) {
    if (!(x instanceof Tensor)) throw notTensor(op, x)
    if (x.device !== device) {
      throw new UnrolledError(
        `${op}: its inputs live on two devices (${device.name}, ${x.device.name}); every cpu(), simd() ` +
        'or gpu() is a device of its own: make one and share it, or read one tensor and upload it')
    }
  }
  return device
}

/** Throws unless x is a tensor. */
export function checkTensor(op: string, x: Tensor): void {
  if (!(x instanceof Tensor)) throw notTensor(op, x)
}

export function notTensor(op: string, x: unknown, needed = 'a tensor'): UnrolledError {
  return new UnrolledError(
    `${op}: an input is ${describe(x)}; it must be ${needed}: tensor(values, { device }) makes one`)
}

/** What an op that is made of others checks first, so that an error names the op that was called. */
export function checkFloats(op: string, ...inputs: readonly Tensor[]): void {
  const { dtype } = commonDevice(op, inputs)
  for (const x of inputs) {
    check(x.dtype === dtype, () =>
      `${op}: a tensor of shape ${show(x.shape)} is ${x.dtype}; it must be ${dtype}`)
  }
}

/** Tensors to take gradients of: a list, or by name in a map or a record such as a cell's parameters. */
export type Tensors = readonly Tensor[] | ReadonlyMap<string, Tensor> | { readonly [name: string]: Tensor }

/** Names and tensors, in order; in a list the names are 0, 1, ... */
export function namedTensors(op: string, tensors: Tensors): [string, Tensor][] {
  checkThat(!(tensors instanceof Tensor), () => `${op}: a single tensor is given; put it into a list, [x]`)
  const isMap = tensors instanceof Map
  checkThat(isMap || Array.isArray(tensors) || isRecord(tensors), () =>
    `${op}: ${describe(tensors)} is given; it takes a list, a map or a record of tensors, such as [x], ` +
    'parameters({ cell }) or cell.parameters')
  const pairs: [string, Tensor][] = isMap ? [...tensors] : Object.entries(tensors)
  for (const [name, x] of pairs) {
    checkThat(x instanceof Tensor, () =>
      `${op}: ${name} is ${describe(x)}; it takes a list, a map or a record of tensors, such as [x], ` +
      'parameters({ cell }) or cell.parameters')
  }
  return pairs
}

function isRecord(x: unknown): boolean {
  return typeof x === 'object' && x !== null && !(Symbol.iterator in x)
}
