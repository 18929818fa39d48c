// Weights as float16: half the bytes to read, which is what a product of few rows waits for. Sums stay
// float32.
//
// In memory both forms are the same 16 bits (kernels/half.wgsl writes them); they differ in how WGSL reads
// four neighbours: as a vec4<f16>, where the adapter has shader-f16, or as two words that unpack2x16float
// takes apart. Widening is exact either way. Next: packing.ts, which makes and keeps such copies.

/** What weights are read as: float16, native or unpacked; or null, float32. */
export type Halves = 'native' | 'unpacked' | null

/** The WGSL type of four neighbours. */
export function typeOfFour(halves: Halves): string {
  return halves === null ? 'vec4f' : halves === 'native' ? 'vec4<f16>' : 'vec2u'
}

/** A WGSL function that reads four neighbours of a buffer. */
export function readFour(name: string, buffer: string, halves: Halves): string {
  const body = halves === null ? `return ${buffer}[i];`
    : halves === 'native' ? `return vec4f(${buffer}[i]);`
    : `let pairs = ${buffer}[i];\n  return vec4f(unpack2x16float(pairs.x), unpack2x16float(pairs.y));`
  return `fn ${name}(i: u32) -> vec4f {\n  ${body}\n}`
}
