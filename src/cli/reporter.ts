// How a training run is told: to a person, a progress line with samples above it; to a program, one JSON
// object a line. Read next: progress.ts.

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
  /** the run ends before its end, and an error follows */
  failed(): void
  /** @param next commands to try next */
  done(step: number, next: readonly string[]): void
}

/** One JSON object a line; each names its event first. Losses are in nats per token. */
export function jsonReporter(): Reporter {
  const print = (object: Record<string, unknown>) => process.stdout.write(`${JSON.stringify(object)}\n`)
  return {
    begin: () => {},
    step: ({ fraction: _, ...event }) => print(event),
    sample: (step, text) => print({ event: 'sample', step, text }),
    measuring: () => {},
    validation: (step, { loss, bitsPerChar, perplexity }) =>
      print({ event: 'validation', step, loss, bitsPerChar, perplexity }),
    saved: (dir) => print({ event: 'saved', dir }),
    failed: () => {},
    done: (step) => print({ event: 'done', step }),
  }
}

const RECENT = 20 // steps that the loss and the speed shown are the mean of: single ones jump

/** For people: a bar on a terminal, plain lines elsewhere. */
export function textReporter(): Reporter {
  const shown = progress({ stream: process.stdout, isTTY: process.stdout.isTTY === true })
  const recent: StepEvent[] = []
  let clipped = 0
  const mean = (value: (event: StepEvent) => number): number =>
    recent.reduce((sum, event) => sum + value(event), 0) / recent.length
  return {
    begin: (description) => shown.line(`${description}\n`),
    step(event) {
      if (event.clipped) clipped++
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
    failed: () => shown.done(),
    done: (step, next) => shown.line(
      [`trained ${step} step${step === 1 ? '' : 's'}. What to try next:`, ...next].join('\n  ')),
  }
}
