// What the build step can load besides TypeScript.

declare module '*.wgsl' {
  const text: string
  export default text
}

declare module '*.wasm' {
  const bytes: Uint8Array<ArrayBuffer>
  export default bytes
}

// The same module twice, one copy for each precision (`instances` in build.mjs says why).
declare module '*/instance.ts?float32' {
  const kernels: typeof import('./cpu/instance.ts')
  export = kernels
}

declare module '*/instance.ts?float64' {
  const kernels: typeof import('./cpu/instance.ts')
  export = kernels
}

// The kernels of the simd device, compiled to WebAssembly (`simdParts` in build-simd.mjs says in which ways).
declare module '*/simd/index.ts?shared' {
  const bytes: Uint8Array<ArrayBuffer>
  export default bytes
}

declare module '*/simd/index.ts?shared-fma' {
  const bytes: Uint8Array<ArrayBuffer>
  export default bytes
}

declare module '*/simd/index.ts?alone' {
  const bytes: Uint8Array<ArrayBuffer>
  export default bytes
}

declare module '*/simd/index.ts?alone-fma' {
  const bytes: Uint8Array<ArrayBuffer>
  export default bytes
}

// A worker's whole program as text (`simdParts` in build-simd.mjs bundles it).
declare module '*?text' {
  const text: string
  export default text
}
