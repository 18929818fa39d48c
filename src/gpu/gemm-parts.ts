// What the product kernels share, filled in for one kind of operands: how A and B are read, how C is stored.
//
// Both operands are read alike: a line is a row of op(A) or a column of op(B), and k runs along it. In memory
// either k is the inner axis ("along k": A as it is, B transposed) or the lines are. Four neighbours are read
// as one vec4 where offset and width are multiples of four, else one by one.
// Next: kernels/matmul_parts.wgsl, whose blanks these are; matmul.ts.

import { type Halves, readFour, typeOfFour } from './halves.ts'
import type { Blanks } from './kernels.ts'
import { sources } from './sources.ts'

/** How one operand lies in memory. */
export interface Layout {
  /** whether neighbours in memory are neighbours along k */
  readonly alongK: boolean
  /** whether it is read as vec4 */
  readonly vectors: boolean
  /** whether it holds float16, B's vectors only */
  readonly halves?: Halves
}

/** What tells one compiled kernel from another. */
export interface Form {
  readonly A: Layout
  readonly B: Layout
  /** whether C is written as vec4 */
  readonly vectorsC: boolean
  /** whether the steps along k pass the end of K, so that what lies there must be replaced by zeros */
  readonly ragged: boolean
  /** whether a row is added to every row */
  readonly bias: boolean
  /** whether the product is added to what C holds */
  readonly add: boolean
}

export function formName({ A, B, vectorsC, ragged, bias, add }: Form): string {
  const operand = ({ alongK, vectors, halves }: Layout) =>
    (alongK ? 'k' : 'l') + (halves ?? (vectors ? '4' : '1'))
  const flags = [ragged && 'ragged', bias && 'bias', add && 'add'].filter(Boolean)
  return [operand(A), operand(B), vectorsC ? '4' : '1', ...flags].join(' ')
}

export function partsFor(form: Form): string {
  const { A, B, vectorsC, ragged, bias, add } = form
  const type = (vectors: boolean) => (vectors ? 'vec4f' : 'f32')
  const blanks: Blanks = {
    typeA: type(A.vectors), typeB: B.halves ? typeOfFour(B.halves) : type(B.vectors), typeC: type(vectorsC),
    alongKA: String(A.alongK), alongKB: String(B.alongK),
    loadA: reading('A', A, ragged), loadB: reading('B', B, ragged),
    bias: biasBinding(bias, 3),
    store: vectorsC ? vectorStore(bias, add) : scalarStores(bias, add),
  }
  return sources.matmulParts.replace(/\{\{(\w+)\}\}/g, (_, name: string) => String(blanks[name]))
}

export function biasBinding(bias: boolean, binding: number): string {
  return bias ? `@group(0) @binding(${binding}) var<storage, read> bias: array<f32>;` : ''
}

/** The functions rowOf and blockOf of an operand. */
function reading(name: 'A' | 'B', { alongK, vectors, halves = null }: Layout, ragged: boolean): string {
  const x = name.toLowerCase()
  const at = (i: string) => (vectors ? `four${name}((${i}) >> 2u)[(${i}) & 3u]` : `${x}[${i}]`)
  const four = (step: string) => {
    const places = [0, 1, 2, 3].map((j) => (j ? `i + ${j}u * ${step}` : 'i'))
    return `vec4f(${places.map(at).join(', ')})`
  }
  const together = vectors ? `four${name}(i >> 2u)` : four('1u')
  const cut = (value: string) => (ragged ? `cutOff(${value}, k)` : value)
  const rowStart = alongK ? `line * params.line${name} + k` : `k * params.line${name} + line`
  const fours = vectors ? readFour(`four${name}`, x, halves) : ''
  const row = `${fours}
fn rowOf${name}(line: u32, k: u32) -> vec4f {
  let i = start${name} + ${rowStart};
  return ${cut(alongK ? together : four(`params.line${name}`))};
}`
  if (alongK) {
    const rows = [0, 1, 2, 3].map((j) => `rowOf${name}(line + ${j}u, k)`)
    return `${row}
fn blockOf${name}(line: u32, k: u32) -> mat4x4f {
  return transpose(mat4x4f(${rows.join(', ')}));
}`
  }
  const columns = [0, 1, 2, 3].map((j) => `linesOf${name}(line, k + ${j}u)`)
  return `${row}
fn linesOf${name}(line: u32, k: u32) -> vec4f {
  let i = start${name} + k * params.line${name} + line;
  return ${ragged ? `select(vec4f(), ${together}, k < endK)` : together};
}
fn blockOf${name}(line: u32, k: u32) -> mat4x4f {
  return mat4x4f(${columns.join(', ')});
}`
}

function vectorStore(bias: boolean, add: boolean): string {
  const four = [0, 1, 2, 3].map((j) => `bias[params.offsetBias + n + ${j}u]`).join(', ')
  return 'let i = (startC + m * params.N + n) >> 2u;\n  ' +
    `c[i] = ${add ? 'c[i] + ' : ''}product${bias ? ` + vec4f(${four})` : ''};`
}

function scalarStores(bias: boolean, add: boolean): string {
  return `for (var j = 0u; n + j < min(n + 4u, params.N); j++) {
    let i = startC + m * params.N + n + j;
    c[i] = ${add ? 'c[i] + ' : ''}product[j]${bias ? ' + bias[params.offsetBias + n + j]' : ''};
  }`
}
