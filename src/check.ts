// Errors are part of the product: one line, what was wrong, the shapes, the remedy.
//
//   op: what was wrong; a is [2, 3], b is [4, 5]; what is needed
//
// The text is built only when a check fails, so a check in a hot path costs one comparison. Next: shape.ts.

/** Base class of every error that is the user's to mend. The command line prints its message alone. */
export class UnrolledError extends Error {
  override name = 'UnrolledError'
}

/** Shapes, axes or dtypes that do not fit an op. */
export class ShapeError extends UnrolledError {
  override name = 'ShapeError'
}

/**
 * A tape or scope used in a way that cannot be right: closed, stale, interleaved; or a tensor used after its
 * owner was closed.
 */
export class TapeError extends UnrolledError {
  override name = 'TapeError'
}

/** A value that had to be finite is NaN or infinite. */
export class NonFiniteError extends UnrolledError {
  override name = 'NonFiniteError'
}

/** For shapes, axes and dtypes: a ShapeError with the (lazily built) message unless the condition holds. */
export function check(condition: boolean, message: () => string): asserts condition {
  if (!condition) throw new ShapeError(message())
}

/** For everything else (options, a missing device or generator): the same with an UnrolledError. */
export function checkThat(condition: boolean, message: () => string): asserts condition {
  if (!condition) throw new UnrolledError(message())
}

/** How a shape is printed: [2, 3]; a scalar is []. What has no shape (plain JavaScript's) is no tensor. */
export function show(shape: readonly number[]): string {
  return Array.isArray(shape) ? `[${shape.join(', ')}]` : 'no tensor'
}

/** How a value of the wrong kind is named in an error: 'text', a list, undefined. */
export function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'function') return 'a function'
  return typeof value === 'object' && value !== null ? 'an object' : String(value)
}

const KINDS = {
  'a function': (x: unknown) => typeof x === 'function',
  'a list': (x: unknown) => Array.isArray(x) || ArrayBuffer.isView(x),
  'a map': (x: unknown) => x instanceof Map,
  'an object': (x: unknown) => typeof x === 'object' && x !== null && !Array.isArray(x),
  'a text': (x: unknown) => typeof x === 'string',
}

/** Throws unless `value` is of this kind, naming what it is: for plain JavaScript, which has no types. */
export function checkKind(what: string, value: unknown, kind: keyof typeof KINDS): void {
  checkThat(KINDS[kind](value), () => `${what} is ${describe(value)}; it must be ${kind}`)
}

/**
 * Throws unless `value` has these parts, naming what it is.
 * @param needed what it must be, and where one is had: "a cell, such as lstm() makes"
 */
export function checkParts(what: string, value: unknown, parts: readonly string[], needed: string): void {
  const mayHave = typeof value === 'function' || KINDS['an object'](value)
  checkThat(mayHave, () => `${what} is ${describe(value)}; it must be ${needed}`)
  for (const part of parts) {
    checkThat(part in (value as object), () => `${what} has no ${part}; it must be ${needed}`)
  }
}

/** A whole number as people read it: 12,345. (toLocaleString takes 20 ms to load what it needs.) */
export function thousands(n: number): string {
  return String(n).replace(/\B(?=(\d{3})+$)/g, ',')
}

/** Throws unless `value` is a whole number >= least, naming what it is. */
export function checkCount(what: string, value: number, least = 1): void {
  if (!Number.isInteger(value) || value < least) {
    throw new UnrolledError(`${what} is ${describe(value)}; it must be a whole number of ${least} or more`)
  }
}

/** Throws unless `value` is a finite number, naming what it is. */
export function checkFinite(what: string, value: number): void {
  checkThat(Number.isFinite(value), () => `${what} is ${describe(value)}; it must be a finite number`)
}
