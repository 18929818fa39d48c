// The recurrent matrix of a cell, as far as there is one: what theory says of gradients through time is said
// of h_t = f(W h_{t-1} + ...) with one square W.
//
//   sigma_max(W) < 1/gamma    gradients vanish, surely            radius(W) the modulus of W's largest
//   sigma_max(W) > 1/gamma    they may explode; they need not     eigenvalue: never above sigma_max
//
// gamma is the largest slope of f (Pascanu, Mikolov and Bengio 2013, section 2.1). A gated cell has a matrix
// for each gate, which multiply each other's values: no one of them says how its gradient grows; what does is
// measured in jacobians.ts.

import { sparse, spectralNorm, spectralRadius } from '../reservoir/matrices.ts'
import { namedTensors, type Tensor } from '../tensor.ts'

export interface RecurrentMatrix {
  /** the parameter, and of several square blocks one above the other the number of this one, from 1 */
  readonly name: string
  readonly block: number
  /** of how many */
  readonly blocks: number
  /** the modulus of its largest eigenvalue */
  readonly radius: number
  /** its largest singular value */
  readonly norm: number
}

/**
 * The square blocks of each recurrent parameter, `weight_hh`, by layer and direction; one block is the cell's
 * one recurrent matrix, several are those of its gates in the order of the rows. There is none where h is a
 * projection, so that the way back leads through two matrices; nor in a Jordan net.
 * @param parameters by name: of a cell, a layer, a whole model
 * @param options.steps powers that are taken for the radius: see spectralRadius
 */
export async function recurrentMatrices(
  parameters: Readonly<Record<string, Tensor>> | ReadonlyMap<string, Tensor>,
  options: { steps?: number } = {},
): Promise<RecurrentMatrix[]> {
  const named = new Map(namedTensors('recurrentMatrices', parameters))
  const found: RecurrentMatrix[] = []
  for (const [name, x] of named) {
    if (!/(^|\.)weight_hh(_|$)/.test(name) || named.has(name.replace('weight_hh', 'weight_hr'))) continue
    const [rows, size] = x.shape
    if (rows % size !== 0) continue
    const values = await x.read()
    for (let k = 0; k < rows / size; k++) {
      const matrix = sparse(size, size, values.subarray(k * size * size, (k + 1) * size * size))
      const [radius, norm] = [spectralRadius(matrix, options), spectralNorm(matrix)]
      found.push({ name, block: k + 1, blocks: rows / size, radius, norm })
    }
  }
  return found
}
