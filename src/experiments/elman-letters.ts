// Elman 1990, second experiment: letters with structure. Random consonants, each followed by its vowels,
//
//   b -> ba      d -> dii      g -> guuu
//
// every letter six bits of phonetic features. The consonants cannot be foreseen; the vowels can, and how many
// of them, so the error is high at each consonant and low after it: the net counts. Net 6-20-6, trained with
// no error back through the context, ten streams side by side, with Adam. Read next: elman-net.ts.

import type { Chart, Point } from '../inspect/chart.ts'
import { type Random, random } from '../random.ts'
import { elmanNet, meanWhere, readOn, surprises } from './elman-net.ts'
import { type Experiment, SEEDS } from './experiment.ts'

/** Consonant, vowel, interrupted, high, back, voiced: Elman's table 1. */
const FEATURES: Readonly<Record<string, readonly number[]>> = {
  b: [1, 0, 1, 0, 0, 1], d: [1, 0, 1, 1, 0, 1], g: [1, 0, 1, 0, 1, 1],
  a: [0, 1, 0, 0, 1, 1], i: [0, 1, 0, 1, 0, 1], u: [0, 1, 0, 1, 1, 1],
}
const SYLLABLES = ['ba', 'dii', 'guuu']
const STREAMS = 10 // of 100 syllables: 1,000 consonants in all

export const elmanLetters: Experiment = {
  name: 'elman-letters',
  shows: 'vowels that follow from a consonant, and their number, are foreseen; the consonants cannot be',
  rule: 'root mean squared error on vowels / on consonants < 0.5',
  source: 'Elman 1990, "Structure in letter sequences"',
  seeds: SEEDS,
  async run({ seed, device, tell }) {
    const rng = random(seed)
    const net = elmanNet({ inputs: 6, hidden: 20, outputs: 6, seed, device })
    const streams = Array.from({ length: STREAMS }, () => vectorsOf(text(rng, 100)))
    await readOn(net, { streams, window: 20, updates: 1000, learningRate: 0.02, watch: tell })
    const unread = text(rng, 500)
    const errors = await surprises(net, vectorsOf(unread))
    const isVowel = (t: number): boolean => 'aiu'.includes(unread[t + 1])
    const vowels = Math.sqrt(meanWhere(errors, isVowel))
    const consonants = Math.sqrt(meanWhere(errors, (t) => !isVowel(t)))
    const ratio = vowels / consonants
    return {
      measures: { ratio, vowels, consonants },
      passed: { 'error on vowels / error on consonants < 0.5': ratio < 0.5 },
      picture: chart(unread, errors, { vowels, consonants }),
    }
  },
}

function text(rng: Random, syllables: number): string {
  return Array.from({ length: syllables }, () => SYLLABLES[rng.integer(3)]).join('')
}

const vectorsOf = (letters: string) => Array.from(letters, (letter) => FEATURES[letter])

function chart(
  letters: string, errors: readonly number[], { vowels, consonants }: { vowels: number, consonants: number },
): Chart {
  const points = errors.slice(0, 40).map((error, t): Point => [t, Math.sqrt(error)])
  return {
    title: 'Letters with structure: consonants surprise, vowels do not',
    look: 'Root mean squared error of the prediction of each letter of a text never read.',
    caption: `Over 500 syllables the error is ${consonants.toFixed(3)} on consonants and ` +
      `${vowels.toFixed(3)} on vowels, whose number the net has to count.`,
    panels: [{
      x: { label: 'letter', ticks: [0, 10, 20, 30, 40] },
      y: { label: 'root mean squared error', domain: [0, 0.6] },
      curves: [{ points, ink: 'grey', width: 1 }],
      words: points.map(([t, error]) => ({
        at: [t, error + 0.03], text: letters[t + 1], ink: 'aiu'.includes(letters[t + 1]) ? 'blue' : 'orange',
      })),
    }],
  }
}
