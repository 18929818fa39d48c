// Elman 1990, third and fourth experiment: what prediction finds in language.
//
//   word boundaries   letters of words without spaces: the error is high at the first letter of a word and
//                     falls within it, so its peaks show where words begin          (net 5-20-5)
//   word classes      two- and three-word sentences of 29 words, each a vector with a single 1: the mean
//                     hidden states of words, clustered, part nouns from verbs      (net 29-150-29)
// His templates; a thing (his NOUN-INANIM, shown by book and rock) is any inanimate noun, food and glass too.
// No error goes back through the context. Read next: elman-net.ts, cluster.ts.

import type { Device } from '../device.ts'
import type { Curve, Point, Word } from '../inspect/chart.ts'
import { type Random, random } from '../random.ts'
import { cluster, type Dendrogram, leavesOf } from './cluster.ts'
import { elmanNet, meanWhere, oneStream, readOn, surprises } from './elman-net.ts'
import { type Experiment, SEEDS } from './experiment.ts'
import { rowsOf } from './teach.ts'

export const elmanWords: Experiment = {
  name: 'elman-words',
  shows: 'a net that predicts letters finds where words begin; one that predicts words finds nouns and verbs',
  rule: 'error at word onset / inside words >= 1.5; the top split agrees >= 90 % with noun / verb',
  source: 'Elman 1990, "Discovering the notion word" and "Discovering lexical classes from word order"',
  seeds: SEEDS,
  async run({ seed, device, tell }) {
    const told = { seed, device, tell }
    const { letters, errors, starts, ratio } = await boundaries(told)
    const { tree, agreement } = await classes(told)
    return {
      measures: { ratio, agreement },
      passed: {
        'error at word onset / inside words >= 1.5': ratio >= 1.5,
        'top split agrees >= 90 % with noun / verb': agreement >= 0.9,
      },
      picture: {
        title: 'What prediction finds in language: where words begin, and what kinds there are',
        look: 'Above: the error of predicting each letter. Below: mean hidden states of words, clustered.',
        caption: `At a word's first letter the error is ${ratio.toFixed(2)} times that inside words. For ` +
          `${Math.round(100 * agreement)} % of the words the first split of the tree is noun and verb.`,
        panels: [lettersPanel(letters, errors, starts), treePanel(tree)],
      },
    }
  },
}

interface Told {
  seed: number
  device: Device
  tell(line: string): Promise<void>
}

// Word boundaries: words of a made-up story, drawn at random, with nothing between them.

const STORY = 'many years ago a boy and girl lived by the sea they played happily often'.split(' ')
const STREAMS = 10 // of 127 words: 1,270 in all

/** Five bits: the letter's number. */
const code = (letter: string): number[] => {
  const number = letter.charCodeAt(0) - 'a'.charCodeAt(0) + 1
  return [16, 8, 4, 2, 1].map((bit) => Number((number & bit) > 0))
}

const story = (rng: Random, words: number): string[] =>
  Array.from({ length: words }, () => STORY[rng.integer(STORY.length)])

async function boundaries({ seed, device, tell }: Told) {
  const rng = random(seed)
  const net = elmanNet({ inputs: 5, hidden: 20, outputs: 5, seed, device })
  const streams = Array.from({ length: STREAMS }, () => Array.from(story(rng, 127).join(''), code))
  const watch = (line: string): Promise<void> => tell(`letters: ${line}`)
  await readOn(net, { streams, window: 20, updates: 1000, learningRate: 0.01, watch })
  const words = story(rng, 1000)
  const letters = words.join('')
  const starts = new Set<number>()
  for (let k = 0, place = 0; k < words.length; place += words[k++].length) starts.add(place)
  const errors = await surprises(net, Array.from(letters, code))
  const onset = Math.sqrt(meanWhere(errors, (t) => starts.has(t + 1)))
  const inside = Math.sqrt(meanWhere(errors, (t) => !starts.has(t + 1)))
  return { letters, errors, starts, ratio: onset / inside }
}

function lettersPanel(letters: string, errors: readonly number[], starts: ReadonlySet<number>) {
  const points = errors.slice(0, 45).map((error, t): Point => [t, Math.sqrt(error)])
  return {
    x: { label: 'letter', ticks: [0, 10, 20, 30, 40] },
    y: { label: 'root mean squared error', domain: [0, 0.9] as const },
    curves: [{ points, ink: 'grey', width: 1 } as const],
    words: points.map(([t, error]): Word => ({
      at: [t, error + 0.04], text: letters[t + 1], ink: starts.has(t + 1) ? 'orange' : 'blue',
    })),
  }
}

// Word classes: his categories and templates.

const CATEGORIES: Readonly<Record<string, readonly string[]>> = {
  HUMAN: ['man', 'woman', 'boy', 'girl'], ANIMAL: ['cat', 'mouse', 'dog'],
  PREDATOR: ['lion', 'dragon', 'monster'],
  FOOD: ['cookie', 'bread', 'sandwich'], FRAGILE: ['glass', 'plate'],
  THING: ['book', 'rock', 'car', 'cookie', 'bread', 'sandwich', 'glass', 'plate'],
  exist: ['think', 'sleep', 'exist'], see: ['see', 'chase', 'like'], move: ['move', 'break'],
  sense: ['smell', 'see'], destroy: ['break', 'smash'], eat: ['eat'],
}
const TEMPLATES = [
  'HUMAN eat FOOD', 'HUMAN sense THING', 'HUMAN destroy FRAGILE', 'HUMAN exist', 'HUMAN see HUMAN',
  'HUMAN move THING', 'HUMAN move', 'ANIMAL eat FOOD', 'ANIMAL see ANIMAL', 'ANIMAL move THING',
  'ANIMAL move', 'THING move', 'PREDATOR destroy FRAGILE', 'PREDATOR eat HUMAN', 'PREDATOR eat ANIMAL',
  'PREDATOR eat FOOD',
].map((template) => template.split(' '))
const isNounCategory = (name: string): boolean => name === name.toUpperCase()
const wordsIn = (wanted: (name: string) => boolean): string[] =>
  [...new Set(Object.entries(CATEGORIES).filter(([name]) => wanted(name)).flatMap(([, words]) => words))]
const NOUNS = wordsIn(isNounCategory)
const LEXICON = [...NOUNS, ...wordsIn((name) => !isNounCategory(name))]
const H = 150

/** Sentences one after another, with nothing between them; words by number. */
function sentences(rng: Random, count: number): number[] {
  const oneOf = <X>(list: readonly X[]): X => list[rng.integer(list.length)]
  return Array.from({ length: count }, () =>
    oneOf(TEMPLATES).map((category) => LEXICON.indexOf(oneOf(CATEGORIES[category])))).flat()
}

const oneHot = (word: number): number[] => LEXICON.map((_, k) => Number(k === word))

async function classes({ seed, device, tell }: Told): Promise<{ tree: Dendrogram, agreement: number }> {
  const rng = random(seed)
  const V = LEXICON.length
  const net = elmanNet({ inputs: V, hidden: H, outputs: V, seed, device, init: 0.8 })
  const streams = Array.from({ length: 25 }, () => sentences(rng, 400).map(oneHot)) // 10,000 sentences
  const watch = (line: string): Promise<void> => tell(`words: ${line}`)
  await readOn(net, { streams, window: 10, updates: 600, learningRate: 0.005, watch })
  const read = sentences(rng, 2000)
  const hidden = await rowsOf(() => net.hidden(oneStream(read.map(oneHot), device)))
  const means = LEXICON.map((_, word) => {
    const own = hidden.filter((_, t) => read[t] === word)
    return Float64Array.from({ length: H }, (_, k) => own.reduce((sum, h) => sum + h[k], 0) / own.length)
  })
  const tree = cluster(means)
  return { tree, agreement: agreementOf(tree) }
}

/** The share of words that lie on the side of the first split on which most of their kind do. */
function agreementOf(tree: Dendrogram): number {
  if (typeof tree === 'number') return 0
  const [one, other] = tree.parts.map(leavesOf)
  const isNoun = (word: number): boolean => word < NOUNS.length
  const same = one.filter(isNoun).length + other.filter((word) => !isNoun(word)).length
  return Math.max(same, LEXICON.length - same) / LEXICON.length
}

/** The tree from its leaves at the left to its root at the right. */
function treePanel(tree: Dendrogram) {
  const order = leavesOf(tree)
  const curves: Curve[] = []
  const draw = (part: Dendrogram): Point => {
    if (typeof part === 'number') return [0, order.indexOf(part)]
    const [a, b] = part.parts.map(draw)
    const { height: x } = part
    curves.push({ points: [a, [x, a[1]], [x, b[1]], b], ink: 'ink', width: 1 })
    return [x, (a[1] + b[1]) / 2]
  }
  draw(tree)
  const words = order.map((word, y): Word =>
    ({ at: [-0.02, y], text: LEXICON[word], side: 'left', ink: word < NOUNS.length ? 'blue' : 'orange' }))
  return {
    height: 480,
    x: { label: 'distance, 1 - cos (blue: nouns, orange: verbs)', domain: [-0.3, 2] as const },
    y: { label: null, domain: [-1, order.length] as const },
    curves, words,
  }
}
