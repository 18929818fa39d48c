// float32 -> the 16 bits of a float16, to the nearest, of two equally near to the even one. In whole numbers,
// since WGSL lets every driver round in its own way and flush what is small. What a float16 does not hold
// (NaN, and what would round to more than 65504) is marked in `flag`, which reading looks at.
// CPU twin: src/half.ts, narrowF16.

@group(0) @binding(3) var<storage, read_write> flag: atomic<u32>;

fn halfBits(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  let sign = (bits >> 16u) & 0x8000u;
  let size = bits & 0x7fffffffu;
  if (size >= 0x477ff000u) {
    atomicMax(&flag, params.mark);
    return sign | 0x7bffu;
  }
  // below 2^-14: multiples of 2^-24
  if (size < 0x38800000u) { return sign | u32(round(abs(x) * 16777216.0)); }
  return sign | ((size - 0x38000000u + 0xfffu + ((size >> 13u) & 1u)) >> 13u);
}

fn halves(v: vec4f) -> vec2u {
  return vec2u(halfBits(v.x), halfBits(v.z)) | (vec2u(halfBits(v.y), halfBits(v.w)) << vec2u(16u));
}
