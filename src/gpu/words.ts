// The 32-bit words that a dispatch takes along, in the order of its kernel's struct Params. Whole numbers go
// as they are (a negative one as its two's complement); a float is marked as such. Next: recorder.ts.

/** A number that a kernel reads as f32. */
export interface Float {
  readonly float: number
}

export const float = (value: number): Float => ({ float: value })

const scratch = new Float32Array(1)
const bits = new Uint32Array(scratch.buffer)

export function words(values: readonly (number | Float)[]): Uint32Array<ArrayBuffer> {
  const out = new Uint32Array(values.length)
  values.forEach((value, i) => {
    if (typeof value === 'number') {
      out[i] = value
    } else {
      scratch[0] = value.float
      out[i] = bits[0]
    }
  })
  return out
}
