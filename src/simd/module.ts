// The WebAssembly module of the simd device: kernels/simd/*.ts, compiled by the build step in four ways (for
// a shared memory or not; with multiply-add or without) and loaded in the one that fits here.
// Next: ../../kernels/simd/index.ts.

/** What the module exports; kernels/simd/index.ts says what each does. */
export interface Kernels {
  heapBase(): number
  /** bytes that are each thread's own */
  readonly EACH: WebAssembly.Global<'i32'>
  /** @param at this thread's own bytes */
  enter(at: number): void
  /** This thread's share of a job. */
  perform(kind: number, at: number, thread: number, threads: number): void
}

// (func (param v128) (result v128) (f32x4.relaxed_madd (local.get 0) (local.get 0) (local.get 0)))
const RELAXED = Uint8Array.of(
  0, 97, 115, 109, 1, 0, 0, 0, 1, 6, 1, 96, 1, 123, 1, 123, 3, 2, 1, 0, 10, 13, 1, 11, 0, 32, 0, 32, 0, 32, 0,
  253, 133, 2, 11)

/** Whether this engine knows relaxed SIMD's multiply-add. */
export function hasMultiplyAdd(): boolean {
  return WebAssembly.validate(RELAXED)
}

/** The module that fits: for threads that share a memory, or for one; compiled, not yet instantiated. */
export async function compileKernels(shared: boolean, multiplyAdd: boolean): Promise<WebAssembly.Module> {
  const { default: bytes } = shared
    ? multiplyAdd
      ? await import('../../kernels/simd/index.ts?shared-fma')
      : await import('../../kernels/simd/index.ts?shared')
    : multiplyAdd
      ? await import('../../kernels/simd/index.ts?alone-fma')
      : await import('../../kernels/simd/index.ts?alone')
  return WebAssembly.compile(bytes)
}

/** An instance on a memory, for the main thread; workers make theirs themselves (meeting.ts). */
export async function instantiate(
  module: WebAssembly.Module, memory: WebAssembly.Memory, meet: (threads: number) => number,
): Promise<Kernels> {
  const { exports } = await WebAssembly.instantiate(module, { env: { memory, meet } })
  return exports as { [name: string]: WebAssembly.ExportValue } & Kernels
}
