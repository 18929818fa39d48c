// jax-js's side of the comparisons, on its WebAssembly backend: an LSTM written in it.
//
// The input product of all steps is one product before the loop, as with us; the loop is unrolled and the
// whole function with its gradients compiled by jit. Every array is handed over to the function it is passed
// to, so what is used again is passed as `.ref`. In Node the backend uses one thread.

import { side } from './contest.mjs'
import { versionOf } from './load.mjs'

let jax

/** Starts the WebAssembly backend. */
export async function start() {
  jax = await import('@jax-js/jax')
  await jax.init('wasm')
  jax.defaultDevice('wasm')
  return `jax-js ${versionOf('@jax-js/jax')}, wasm backend`
}

/** The LSTM's forward and backward pass as a side. */
export function layerSide({ T, B, D, H }, given) {
  const { numpy: np, jit, valueAndGrad } = jax
  const wanted = ['x', 'weight_ih', 'weight_hh', 'bias_ih', 'bias_hh']
  const array = ({ values, shape }) => np.array(values).reshape(shape)
  const parameters = Object.fromEntries(wanted.map((name) => [name, array(given[name])]))
  const dy = array(given.dy)

  const loss = ({ x, weight_ih, weight_hh, bias_ih, bias_hh }, dy) => {
    const projected = np.matmul(x.reshape([T * B, D]), weight_ih.transpose()).add(bias_ih.add(bias_hh))
    return np.stack(hiddenStates(np.split(projected, T, 0), weight_hh.transpose(), [B, H]))
      .mul(dy).sum()
  }
  const compiled = jit(valueAndGrad(loss))
  const call = () => {
    const own = Object.fromEntries(wanted.map((name) => [name, parameters[name].ref]))
    return jax.blockUntilReady(compiled(own, dy.ref))
  }
  const results = async () => {
    const [value, gradients] = await call()
    const found = { loss: await value.data() }
    for (const name of wanted) found[name] = await gradients[name].data()
    return found
  }
  const timed = async () => {
    const [value, gradients] = await call()
    await value.data()
    for (const name of wanted) gradients[name].dispose()
  }
  return side(timed, results, () => {
    for (const one of [...Object.values(parameters), dy]) one.dispose()
    compiled.dispose?.()
  })
}

// h_t for all t, from x_t W_ih^T + b of each step [B, 4H]
function hiddenStates(projected, weight, shape) {
  const { numpy: np, nn: { sigmoid } } = jax
  let [h, c] = [np.zeros(shape), np.zeros(shape)]
  const all = []
  for (const u of projected) {
    const [i, f, g, o] = np.split(u.add(np.matmul(h, weight.ref)), 4, 1)
    c = sigmoid(f).mul(c).add(sigmoid(i).mul(np.tanh(g)))
    h = sigmoid(o).mul(np.tanh(c.ref))
    all.push(h.ref)
  }
  for (const last of [h, c, weight]) last.dispose()
  return all
}
