// What the build step can load besides TypeScript.

declare module '*.wgsl' {
  const text: string
  export default text
}

declare module '*.wasm' {
  const bytes: Uint8Array<ArrayBuffer>
  export default bytes
}
