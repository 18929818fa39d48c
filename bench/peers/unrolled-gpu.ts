// Unrolled's side on a gpu: what run.mjs bundles. Read next: unrolled.ts.

export { describeAdapter, requestAdapter } from '../../src/gpu/node-provider.ts'
export { openGpu } from '../../src/gpu/open.ts'
export { operands, ours } from './unrolled.ts'
