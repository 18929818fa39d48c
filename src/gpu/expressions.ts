// What each elementwise op is in WGSL: of v, or of u and v. What is no function of WGSL's stands in
// kernels/functions.wgsl. CPU twins: ../cpu/elementwise.ts.

import type { BinaryOp, UnaryOp } from '../device.ts'

export const unaryExpressions: Readonly<Record<UnaryOp, string>> = {
  neg: '-v',
  abs: 'abs(v)',
  sign: 'sign(v)',
  exp: 'expOf(v)',
  expm1: 'expm1(v)',
  log: 'logOf(v)',
  log1p: 'log1p(v)',
  sqrt: 'sqrt(v)',
  square: 'v * v',
  tanh: 'tanhOf(v)',
  sigmoid: 'sigmoid(v)',
  relu: 'select(v, 0.0, v < 0.0)',
  softplus: 'softplus(v)',
  isFinite: 'f32(isFinite(v))',
}

export const binaryExpressions: Readonly<Record<BinaryOp, string>> = {
  add: 'u + v',
  sub: 'u - v',
  mul: 'u * v',
  div: 'u / v',
  pow: 'power(u, v)',
  maximum: 'maximum(u, v)',
  minimum: 'minimum(u, v)',
  equal: 'f32(u == v)',
  greater: 'f32(u > v)',
}

/** How an operand is found for element i of the result. */
export type Access = 'same' | 'one' | 'number' | 'strided'

/** The WGSL that reads operand `name` (a, b or c) in one of these ways. */
export function accessExpression(name: 'a' | 'b' | 'c', access: Access): string {
  const upper = name.toUpperCase()
  switch (access) {
    case 'same': return `${name}[params.offset${upper} + i]`
    case 'one': return `${name}[params.offset${upper}]`
    case 'number': return `params.value${upper}`
    case 'strided': {
      const strides = [0, 1, 2, 3].map((k) => `params.${name}${k}`).join(', ')
      return `${name}[params.offset${upper} + dot(axesOf(i), vec4u(${strides}))]`
    }
  }
}
