// The adapter that tests run on: SwiftShader from npm, which is the same on every machine; or, by its name,
// the one that UNROLLED_ADAPTER names (llvmpipe, Mesa's, which has shader-f16; nvidia, a real card).

import type { AdapterRequest } from '../src/gpu/adapter.ts'

const { UNROLLED_ADAPTER: named } = process.env
const hasSwiftShader = process.platform === 'linux' && process.arch === 'x64'

export const testAdapter: AdapterRequest =
  named ? { adapter: named } : hasSwiftShader ? { adapter: 'swiftshader' } : {}
