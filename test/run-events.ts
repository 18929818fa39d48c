// Events of training runs that never were, for drawing.

import { historyOf } from '../src/inspect/pictures/history.ts'
import { random } from '../src/random.ts'

export type Event = Record<string, unknown>

export const settings = {
  event: 'begin', version: '0.1.0', name: 'text.txt', unit: 'character', cell: 'lstm', hidden: 8, layers: 1,
  embed: 4, dropout: 0, batch: 4, window: 8, horizon: 8, clip: 2, optimizer: 'adam', learningRate: 0.004,
  parameters: 1234, symbols: 30, trainTokens: 1000, validTokens: 50, device: 'cpu', seed: 1,
}

/** A loss that falls, and norms some of which are above the bound. */
export function steps(count: number, seed = 1): Event[] {
  const noise = random(seed).uniform(2 * count)
  return Array.from({ length: count }, (_, k) => {
    const loss = 1.5 + 3 * Math.exp(-6 * k / count) + 0.2 * noise[2 * k]
    const gradNorm = Math.exp(2 * noise[2 * k + 1] - 1)
    return { event: 'step', step: k + 1, epoch: 1, loss, gradNorm, clipped: gradNorm > settings.clip,
      learningRate: 0.004, tokensPerSecond: 20_000 + k }
  })
}

/** A gradient that reaches the further back the longer the training is. */
export function flow(step: number, lags = 8, layers = 1): Event {
  const all = Array.from({ length: lags }, (_, lag) => lag)
  const row = (k: number) => all.map((lag) => 10 ** (-lag * (k + 1) * 3 / (3 + step)))
  return { event: 'flow', step, lags: all, layers: Array.from({ length: layers }, (_, k) => row(k)) }
}

export const validation = (step: number, loss: number): Event => ({ event: 'validation', step, loss })
export const sample = (step: number, text: string): Event => ({ event: 'sample', step, text })
export const history = (...events: (Event | Event[])[]) => historyOf([settings, ...events.flat()])
