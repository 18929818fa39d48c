// How a training run is told: to a person, a progress line with samples above it; to a program, one JSON
// object a line. Read next: progress.ts.

import { printable } from '../data/printable.ts'
import type { Evaluation } from '../train/evaluate.ts'
import type { StepEvent } from '../train/loop.ts'
import { progress } from './progress.ts'

export interface Reporter {
  /** what is about to be trained, on what */
  begin(description: string): void
  /** the last step has `fraction` 1 */
  step(event: StepEvent): void
  sample(step: number, text: string): void
  /** a validation is under way: the share of the text that is done */
  measuring(step: number, share: number): void
  validation(step: number, result: Evaluation): void
  saved(dir: string): void
  /** a signal ended the run after this step; where the model was saved, if it was */
  interrupted(step: number, dir: string | undefined): void
  /** the run ends before its end, and an error follows */
  failed(): void
  /** @param next commands to try next */
  done(step: number, next: readonly string[]): void
}

/** One JSON object a line; each names its event first. Losses are in nats per token. */
export function jsonReporter(): Reporter {
  const print = (object: Record<string, unknown>) => process.stdout.write(`${JSON.stringify(object)}\n`)
  const saved = (dir: string) => print({ event: 'saved', dir })
  const done = (step: number) => print({ event: 'done', step })
  return {
    begin: () => {},
    step: ({ fraction: _, ...event }) => print(event),
    sample: (step, text) => print({ event: 'sample', step, text }),
    measuring: () => {},
    validation: (step, { loss, bitsPerChar, perplexity }) =>
      print({ event: 'validation', step, loss, bitsPerChar, perplexity }),
    saved,
    interrupted(step, dir) {
      if (dir !== undefined) saved(dir)
      done(step)
    },
    failed: () => {},
    done,
  }
}

const RECENT = 20 // steps that the loss and the speed shown are the mean of: single ones jump
const FAR_ABOVE = 1.25 // times the loss of the first step, which is that of guessing

/** For people: a bar on a terminal, plain lines elsewhere. */
export function textReporter(): Reporter {
  const shown = progress({ stream: process.stdout, isTTY: process.stdout.isTTY === true })
  const recent: StepEvent[] = []
  let clipped = 0
  let first = Infinity // the first step's loss
  const mean = (value: (event: StepEvent) => number): number =>
    recent.reduce((sum, event) => sum + value(event), 0) / recent.length
  return {
    begin: (description) => shown.line(`${description}\n`),
    step(event) {
      if (event.clipped) clipped++
      if (event.step === 1) first = event.loss
      recent.push(event)
      if (recent.length > RECENT) recent.shift()
      const { fraction, step, gradNorm } = event
      shown.update({
        fraction, step, loss: mean((e) => e.loss), bitsPerChar: mean((e) => e.bitsPerChar), gradNorm,
        clipped: clipped / step, tokensPerSecond: mean((e) => e.tokensPerSecond),
      })
      if (fraction === 1) shown.done()
    },
    sample: (step, text) => shown.line(`\n--- step ${step}, a sample ---\n${text.trim()}\n---\n`),
    measuring: (step, share) => shown.note(`step ${step}: validation, ${Math.floor(100 * share)} % read`),
    validation: (step, { bitsPerChar, perplexity, tokens }) => shown.line(
      `step ${step}: validation ${bitsPerChar.toFixed(3)} bits per character ` +
      `(perplexity ${perplexity.toFixed(2)} over ${tokens.toLocaleString('en-US')} characters)`),
    saved: (dir) => shown.line(`saved ${dir}/model.safetensors and ${dir}/config.json`),
    interrupted(step, dir) {
      shown.done()
      const kept = dir === undefined ? 'nothing is kept; --out DIR would save it' : `saved ${printable(dir)}`
      shown.line(`interrupted at step ${step}; ${kept}`)
    },
    failed: () => shown.done(),
    done(step, next) {
      const last = mean((e) => e.loss)
      if (last > FAR_ABOVE * first) {
        shown.line(`the loss ended at ${last.toFixed(3)} nats, far above the ${first.toFixed(3)} of the ` +
          'first step: this run did harm; try a smaller --lr')
      }
      shown.line([`trained ${step} step${step === 1 ? '' : 's'}. What to try next:`, ...next].join('\n  '))
    },
  }
}
