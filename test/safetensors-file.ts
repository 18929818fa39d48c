// Safetensors files made by hand, for the tests of what is refused.

/** A file with this header (an object, text, or bytes) and so many bytes of numbers, all 0. */
export function file(header: unknown, dataLength = 0): Uint8Array {
  const text = header instanceof Uint8Array || typeof header === 'string' ? header : JSON.stringify(header)
  const json = typeof text === 'string' ? new TextEncoder().encode(text) : text
  const bytes = new Uint8Array(8 + json.length + dataLength)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true)
  bytes.set(json, 8)
  return bytes
}

/** One tensor's line in a header; the types are loose, because a damaged file's are. */
export const entry = (dtype: unknown, shape: unknown, ...data_offsets: number[]) =>
  ({ dtype, shape, data_offsets })

export const f32 = (shape: unknown, ...offsets: number[]) => entry('F32', shape, ...offsets)
