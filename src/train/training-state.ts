// A training as plain numbers, between two steps: all that the next step depends on, beside the options and
// the text. Its tensors have names:
//
//   model.PARAMETER          the weights            optimizer.adam.m.PARAMETER, ...   its running averages
//   carried.h, ...           the layers' states after the last step, for each stream
//   saved.0.h, ...           with a horizon beyond the window: states from which later updates start
//
// Next: ../io/node-checkpoint.ts, which puts it into a file; loop.ts, which goes on from it.

import { show, UnrolledError } from '../check.ts'
import type { HostTensor } from '../io/safetensors.ts'
import { sameShape } from '../shape.ts'
import { unowned } from '../scope.ts'
import { mapTree, type Tensor, tensor, type Tree } from '../tensor.ts'
import type { SequenceModel } from './language-model.ts'

/** What Training.state() gives, and Training.load() takes. */
export interface TrainingState {
  /** steps taken so far */
  readonly steps: number
  /** symbols of each stream that were read in this pass through the text */
  readonly position: number
  /** milliseconds that the training took so far */
  readonly elapsed: number
  /** the generator of dropout masks */
  readonly random: { readonly key: readonly number[], readonly position: number }
  /** the positions of the saved states */
  readonly saved: readonly number[]
  readonly tensors: ReadonlyMap<string, HostTensor>
}

/** Copies of all tensors of a tree, by path. */
export async function packed(tree: Tree): Promise<Map<string, HostTensor>> {
  const named: [string, Tensor][] = []
  mapTree(tree, (x, path) => {
    named.push([path, x])
    return x
  })
  const tensors = new Map<string, HostTensor>()
  for (const [name, x] of named) {
    const data = await x.read()
    tensors.set(name, data instanceof Float64Array
      ? { shape: x.shape, data, dtype: 'F64' }
      : { shape: x.shape, data: Float32Array.from(data), dtype: 'F32' })
  }
  return tensors
}

interface Unpacked {
  model: Map<string, Tensor>
  optimizer: Map<string, Tensor>
  carried: Tree
  saved: Tree[]
}

/**
 * The tensors of a state, on the model's device; they are the caller's.
 * @param initial a state of the model, whose form the states must have
 * @throws UnrolledError unless there are those tensors that such a model has, and no others
 */
export function unpack(state: TrainingState, model: SequenceModel, initial: Tree): Unpacked {
  const { device } = model
  const left = new Map(state.tensors)
  const take = (name: string, shape: readonly number[]): Tensor => {
    const found = left.get(name)
    left.delete(name)
    if (!found) throw new UnrolledError(`load: there is no ${name}`)
    if (!sameShape(found.shape, shape)) {
      throw new UnrolledError(`load: ${name} is ${show(found.shape)}; it must be ${show(shape)}`)
    }
    const dtype = found.data instanceof Float64Array ? 'float64' : 'float32'
    if (dtype !== device.dtype) {
      throw new UnrolledError(`load: ${name} is ${dtype}; this device computes in ${device.dtype}`)
    }
    return tensor(found.data, { shape, device })
  }
  const like = <S extends Tree>(tree: S, name: string): S =>
    mapTree(tree, (x, path) => take(path ? `${name}.${path}` : name, x.shape))
  return unowned(() => {
    const parameters = new Map([...model.parameters]
      .map(([name, x]) => [name, take(`model.${name}`, x.shape)]))
    const moments = new Map([...left].filter(([name]) => name.startsWith('optimizer.'))
      .map(([name, { shape }]) => [name.slice('optimizer.'.length), take(name, shape)]))
    const carried = like(initial, 'carried')
    const saved = state.saved.map((_, i) => like(initial, `saved.${i}`))
    for (const name of left.keys()) throw new UnrolledError(`load: ${name} is not known here`)
    if ((moments.size > 0) !== (state.steps > 0)) {
      throw new UnrolledError(`load: the optimiser's state has ${moments.size} tensors after ` +
        `${state.steps} steps`)
    }
    return { model: parameters, optimizer: moments, carried, saved }
  })
}
