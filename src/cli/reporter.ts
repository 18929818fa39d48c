// How a training run is told: to a person, a progress line with samples above it; to a program, one JSON
// object a line. Read next: progress.ts.

import { join } from 'node:path'

import { thousands } from '../check.ts'
import { printable } from '../data/printable.ts'
import type { AnyVocabulary } from '../data/words.ts'
import type { ToldFlow } from '../inspect/last-loss-flow.ts'
import { type Evaluation, inUnits } from '../train/evaluate.ts'
import type { StepEvent } from '../train/loop.ts'
import { isTerminal, progress } from './progress.ts'
import { shellWord } from './run-folder.ts'
import type { beginning } from './train-plan.ts'

/** The event that begins a run: see `beginning` in train-plan.ts. */
export type Beginning = ReturnType<typeof beginning>

/** What a run's tokens are: losses are told in bits per character, or as the perplexity of words. */
export type Unit = AnyVocabulary['unit']

export interface Reporter {
  /** what is about to be trained, on what: for people, and for programs */
  begin(description: string, facts: Beginning): void
  /** instead of `begin`: a run goes on after this step; the share that is done, and lines for people */
  resume(step: number, fraction: number, description: string): void
  /** the last step has `fraction` 1 */
  step(event: StepEvent): void
  sample(step: number, text: string): void
  /** how far back gradients reach in the window of this step, measured before its update */
  flow(step: number, flow: ToldFlow): void
  /** a validation or test is under way: the share of the text that is done */
  measuring(what: Measurement, step: number, share: number): void
  measured(what: Measurement, step: number, result: Evaluation): void
  /** the run is in this folder now; whether its pictures are too */
  saved(dir: string, drawn: boolean): void
  /** a signal ended the run after this step; where the model was saved, if it was */
  interrupted(step: number, dir: string | undefined): void
  /** the run ends before its end, and an error follows */
  failed(): void
  /** @param next commands to try next */
  done(step: number, next: readonly string[]): void
}

/** The loss on text that the model has not been trained on, on the way or when all is done. */
export type Measurement = 'validation' | 'test'

/** The loss of a validation or test as JSON has it: the perplexity of huge losses is the largest number. */
export function measuredFields(unit: Unit, { loss, bitsPerChar, perplexity }: Omit<Evaluation, 'tokens'>) {
  const finite = Math.min(perplexity, Number.MAX_VALUE)
  return unit === 'word' ? { loss, perplexity: finite } : { loss, bitsPerChar, perplexity: finite }
}

/** A step's event as JSON has it: in the unit's own measure. */
function stepFields(unit: Unit, event: StepEvent) {
  const { fraction: _, event: name, step, epoch, loss, bitsPerChar, perplexity, ...rest } = event
  const measure = unit === 'word' ? { perplexity: Math.min(perplexity, Number.MAX_VALUE) } : { bitsPerChar }
  return { event: name, step, epoch, loss, ...measure, ...rest }
}

/**
 * One JSON object a line; each names its event first. Losses are in nats per token.
 * @param write takes each line, with its end
 */
export function jsonReporter(unit: Unit, write: (line: string) => unknown): Reporter {
  const print = (object: Record<string, unknown>) => { write(`${JSON.stringify(object)}\n`) }
  const saved = (dir: string) => print({ event: 'saved', dir })
  const done = (step: number) => print({ event: 'done', step })
  return {
    begin: (_, facts) => print(facts),
    resume: (step) => print({ event: 'resume', step }),
    step: (event) => print(stepFields(unit, event)),
    sample: (step, text) => print({ event: 'sample', step, text }),
    flow: (step, flow) => print({ event: 'flow', step, ...flow }),
    measuring: () => {},
    measured: (what, step, result) => print({ event: what, step, ...measuredFields(unit, result) }),
    saved,
    interrupted(step, dir) {
      if (dir !== undefined) saved(dir)
      done(step)
    },
    failed: () => {},
    done,
  }
}

/** What ends a run's lines. @param dir where it was saved, if it was */
export function closingLines(dir: string | undefined, step: number): string[] {
  const lines: string[] = []
  jsonReporter('character', (line) => lines.push(line)).interrupted(step, dir) // the same for words
  return lines
}

/** For metrics.jsonl: the same lines but the last, which are written together with the last save. */
export function metricsReporter(unit: Unit, write: (line: string) => unknown): Reporter {
  return { ...jsonReporter(unit, write), saved: () => {}, interrupted: () => {}, done: () => {} }
}

const RECENT = 20 // steps that the loss and the speed shown are the mean of: single ones jump
const FAR_ABOVE = 1.25 // times the loss of the first step, which is that of guessing

/** For people: a bar on a terminal, plain lines elsewhere. */
export function textReporter(unit: Unit): Reporter {
  const shown = progress({ stream: process.stdout, isTTY: isTerminal(process.stdout) })
  const recent: StepEvent[] = []
  let clipped = 0
  let steps = 0 // that were seen
  let before = 0 // share of the run that was done when it was gone on with
  let first = Infinity // the first step's loss
  const mean = (value: (event: StepEvent) => number): number =>
    recent.reduce((sum, event) => sum + value(event), 0) / recent.length
  return {
    begin: (description) => shown.line(`${description}\n`),
    resume(step, fraction, description) {
      before = fraction
      shown.line(`${description}\ngoing on from step ${step}\n`)
    },
    step(event) {
      steps++
      if (event.clipped) clipped++
      if (event.step === 1) first = event.loss
      recent.push(event)
      if (recent.length > RECENT) recent.shift()
      const { fraction, step, gradNorm } = event
      const { loss, bitsPerChar, perplexity } = inUnits(mean((e) => e.loss))
      const measure = unit === 'word' ? { perplexity } : { bitsPerChar }
      shown.update({
        fraction, before, step, loss, ...measure, gradNorm, clipped: clipped / steps,
        tokensPerSecond: mean((e) => e.tokensPerSecond),
      })
      if (fraction === 1) shown.done()
    },
    sample: (step, text) => shown.line(`\n--- step ${step}, a sample ---\n${text.trim()}\n---\n`),
    flow: () => {},
    measuring: (what, step, share) => shown.note(`step ${step}: ${what}, ${Math.floor(100 * share)} % read`),
    measured(what, step, { loss, bitsPerChar, perplexity, tokens }) {
      const over = `over ${thousands(tokens)} ${unit}s`
      shown.line(`step ${step}: ${what} ` + (unit === 'word'
        ? `perplexity ${perplexity.toFixed(2)} (${loss.toFixed(4)} nats ${over})`
        : `${bitsPerChar.toFixed(3)} bits per character (perplexity ${perplexity.toFixed(2)} ${over})`))
    },
    saved(dir, drawn) {
      const file = (name: string): string => printable(join(dir, name))
      shown.line(`saved ${file('model.safetensors')} and ${file('config.json')}`)
      if (drawn) shown.line(`drew ${file('report.html')}: the run in pictures, for a browser`)
    },
    interrupted(step, dir) {
      shown.done()
      const kept = dir === undefined ? 'nothing is kept; --out DIR would save it'
        : `saved ${printable(dir)}; npx unrolled train --resume ${shellWord(dir)} goes on`
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

/** Tells all of them. */
export function together(reporters: readonly Reporter[]): Reporter {
  const all = (tell: (reporter: Reporter) => void): void => { reporters.forEach(tell) }
  return {
    begin: (description, facts) => all((to) => to.begin(description, facts)),
    resume: (step, fraction, description) => all((to) => to.resume(step, fraction, description)),
    step: (event) => all((to) => to.step(event)),
    sample: (step, text) => all((to) => to.sample(step, text)),
    flow: (step, flow) => all((to) => to.flow(step, flow)),
    measuring: (what, step, share) => all((to) => to.measuring(what, step, share)),
    measured: (what, step, result) => all((to) => to.measured(what, step, result)),
    saved: (dir, drawn) => all((to) => to.saved(dir, drawn)),
    interrupted: (step, dir) => all((to) => to.interrupted(step, dir)),
    failed: () => all((to) => to.failed()),
    done: (step, next) => all((to) => to.done(step, next)),
  }
}
