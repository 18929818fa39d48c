// A language model that reads one text, symbol by symbol: what sampling does for each symbol it draws.
//
//   x = E[s],   y = the layers' stream (nn/stream.ts),   logits = y W^T + b
//
// The numbers are there at once, so it is for devices whose memory is the host's. Next: evaluate.ts.

import type { FloatArray } from '../device.ts'
import type { Layer } from '../nn/linear.ts'
import type { SequenceLayer } from '../nn/sequence-layers.ts'
import { stream } from '../nn/stream.ts'
import { unowned, untracked } from '../scope.ts'
import { dispose, type Tensor, tensor, zeros } from '../tensor.ts'

export interface SymbolStream {
  /** the next symbol -> the logits [V] of the one after it; the array is the same at every step */
  step(symbol: number): FloatArray
  /** gives the memory back */
  dispose(): void
}

/** From the zero state. */
export function symbolStream(embedding: Layer, rnn: SequenceLayer, head: Layer): SymbolStream {
  const reader = stream(rnn)
  const { device } = Object.values(rnn.parameters)[0]
  const numbers = (x: Tensor) => device.numbers!(x) as FloatArray
  const places = unowned(() => ({
    symbol: tensor([0], { shape: [1, 1], device, dtype: 'int32' }), y: zeros([1, 1, rnn.outputs], device),
  }))
  const [symbols, y] = [device.numbers!(places.symbol), numbers(places.y)]
  let logits: FloatArray | undefined
  return {
    step(symbol) {
      symbols[0] = symbol
      untracked(() => {
        y.set(reader.step(numbers(embedding(places.symbol))))
        const found = numbers(head(places.y))
        if (logits) logits.set(found)
        else logits = found.slice()
      })
      return logits!
    },
    dispose() {
      reader.dispose()
      dispose(places)
    },
  }
}
