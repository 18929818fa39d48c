// A recurrent cell at one sequence, whose steps are taken one by one, by a device whose memory is the host's:
// part of the contract of device.ts. Next: cpu/step.ts, how it is computed; nn/stream.ts, who asks for it.

import type { GateKind, Memory, Run, View } from './device.ts'

/** In the terms of Recurrence, with projected = x input^T + the sum of the biases. */
export interface StepCell extends Pick<Run, 'weight' | 'bias' | 'peepholes' | 'projection'> {
  readonly kind: GateKind
  readonly H: number
  /** O, the size of h: H, or P with a projection */
  readonly outputs: number
  /** D */
  readonly inputs: number
  /** [G H, D] */
  readonly input: View
  /** [G H] each, two at most */
  readonly inputBiases: readonly View[]
}

/** Steps, and all memory that they need. */
export interface Stepper {
  readonly memory: Memory
  /** places in it: what the next step reads [1, D], and the state, which it replaces: [1, O], [1, H] */
  readonly x: View
  readonly h: View
  readonly c: View | null
  step(): void
}
