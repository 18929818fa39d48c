// How a training run is told: to a person, a progress line with samples above it; to a program, one JSON object a line.

import type { Evaluation } from '../train/evaluate.ts'
import type { StepEvent } from '../train/loop.ts'
import { progress } from './progress.ts'

export interface Reporter {
  begin(description: string): void
  step(event: StepEvent): void
  sample(step: number, text: string): void
  validation(step: number, result: Evaluation): void
  saved(dir: string): void
  done(steps: number, dir: string | undefined): void
}

/** Objects with the keys event, step, loss (nats per token), bitsPerChar, gradNorm, clipped, tokensPerSecond, ... */
export function jsonReporter(): Reporter {
  const print = (object: Record<string, unknown>) => process.stdout.write(`${JSON.stringify(object)}\n`)
  const started = performance.now()
  return {
    begin: () => {},
    step: ({ fraction: _, ...event }) => print(event),
    sample: (step, text) => print({ event: 'sample', step, text }),
    validation: (step, result) => print({ event: 'validation', step, ...result }),
    saved: (dir) => print({ event: 'saved', dir }),
    done: (steps) => print({ event: 'done', steps, seconds: (performance.now() - started) / 1000 }),
  }
}

export function textReporter(): Reporter {
  const shown = progress({ stream: process.stdout, isTTY: process.stdout.isTTY === true })
  let clipped = 0
  const losses: number[] = [] // of the last 20 steps
  return {
    begin: (description) => shown.line(`${description}\n`),
    step(event) {
      if (event.clipped) clipped++
      losses.push(event.loss)
      if (losses.length > 20) losses.shift()
      const loss = losses.reduce((sum, x) => sum + x, 0) / losses.length
      shown.update({
        fraction: event.fraction, loss, bitsPerChar: loss / Math.LN2, gradNorm: event.gradNorm,
        clipped: clipped / event.step, tokensPerSecond: event.tokensPerSecond,
      })
    },
    sample: (step, text) => shown.line(`\n--- step ${step}, a sample ---\n${text.trim()}\n---\n`),
    validation: (step, { bitsPerChar, perplexity, tokens }) => shown.line(
      `step ${step}: validation ${bitsPerChar.toFixed(3)} bits per character ` +
      `(perplexity ${perplexity.toFixed(2)} over ${tokens.toLocaleString('en-US')} characters)`),
    saved: (dir) => shown.line(`saved ${dir}/model.safetensors and ${dir}/config.json`),
    done(steps, dir) {
      shown.done()
      const next = dir === undefined
        ? ['  npx unrolled train --out runs/mine        keep the model next time']
        : [
          `  npx unrolled sample --model ${dir} --prompt "The whale" --temperature 0.7`,
          `  npx unrolled eval --model ${dir} --data FILE`,
        ]
      process.stdout.write([
        `trained ${steps} steps. What to try next:`, ...next,
        '  npx unrolled train --data FILE --cell gru --minutes 10 --out runs/gru',
        '  npx unrolled gradcheck', '',
      ].join('\n'))
    },
  }
}
