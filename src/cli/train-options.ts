// The options of npx unrolled train, and what holds between them. Read next: train.ts.

import { CELLS } from '../nn/cells.ts'
import { LARGEST_SEED } from './common.ts'
import { deviceOptions } from './device-option.ts'
import { defineCommand, UsageError, type Values } from './options.ts'

const FORGETTING = 'lstm2000, lstm, peephole, lstmp, layer-norm-lstm'

export const trainCommand = defineCommand({
  name: 'train',
  summary: 'train a character or word model, through time, on a book or on a text of yours',
  options: {
    corpus: { type: 'choice', choices: ['moby-dick'], help: 'a book from npm, by default' },
    data: { type: 'file', help: 'a UTF-8 text of yours instead' },
    valid: {
      type: 'file',
      help: 'a text to validate on; without it training reads the first 90 % and validation the next 5 %',
    },
    test: {
      type: 'file', help: 'a text to measure the trained model on, as one stream, every token once',
    },
    unit: {
      type: 'choice', choices: ['character', 'word'], default: 'character',
      help: 'what the model reads and predicts; words stand between white space, a line ends with <eos>',
    },
    minCount: {
      type: 'count',
      help: 'words that occur less often become <unk>; by default 2, or 1 where the text holds <unk> itself',
    },
    cell: { type: 'choice', choices: CELLS, default: 'lstm', help: 'the recurrent cell' },
    hidden: { type: 'count', max: 65536, default: 128, help: 'H, units per layer' },
    layers: { type: 'count', max: 64, default: 1, help: 'L, recurrent layers' },
    skip: {
      type: 'flag',
      help: 'skip connections: each layer also reads the vectors, the head all layers (Graves 2013)',
    },
    embed: { type: 'count', max: 65536, default: 64, help: "size of a character's or word's vector" },
    dropout: {
      type: 'range', from: 0, below: 1, default: 0,
      help: 'share of values dropped on their way up: into the first layer, between layers, to the head',
    },
    variational: { type: 'flag', help: 'the masks of --dropout are the same for all steps of a window' },
    stateDropout: {
      type: 'range', from: 0, below: 1,
      help: "share of a layer's last state that its weights do not see, the same for all steps of a window",
    },
    weightDrop: {
      type: 'range', from: 0, below: 1,
      help: 'share of the recurrent weights left out, the same for all of a window (AWD-LSTM: 0.5)',
    },
    recurrentDropout: {
      type: 'range', from: 0, below: 1, help: 'share of what gates would write that is not written',
    },
    zoneout: {
      type: 'range', from: 0, below: 1, help: 'share of hidden units that keep their last value (0.05)',
    },
    zoneoutCell: { type: 'range', from: 0, below: 1, help: "the same of an LSTM's c (0.5)" },
    ar: { type: 'positive', help: 'weight of the mean square of what the head sees, added to the loss (2)' },
    tar: { type: 'positive', help: 'weight of the mean square of its change from step to step (1)' },
    tie: { type: 'flag', help: "let the head's weight be the embedding's; needs --embed equal to --hidden" },
    init: {
      type: 'positive', help: 'draw every parameter uniform in ±X; by default as PyTorch draws each',
    },
    forgetBias: {
      type: 'range', from: -20, to: 20,
      help: `what the biases of forget gates start at: above 0 they begin open (1 to 5); for ${FORGETTING}`,
    },
    batch: { type: 'count', max: 65536, default: 32, help: 'B, streams of text read side by side' },
    window: { type: 'count', max: 65536, default: 64, help: 'steps between two updates, k1' },
    horizon: {
      type: 'count', max: 1048576, help: 'steps that gradients reach back, k2 >= k1; the window by default',
    },
    clip: { type: 'positive', default: 5, help: 'bound on the global norm of the gradient' },
    sumSteps: {
      type: 'flag',
      help: "differentiate the sum of the loss over the window's steps, not the mean: --lr and --clip are " +
        'then those of Zaremba et al. 2014',
    },
    optimizer: {
      type: 'choice', choices: ['adam', 'adamw', 'sgd', 'rmsprop', 'adagrad'], default: 'adam',
      help: 'the rule of the update',
    },
    lr: {
      type: 'positive', help: 'learning rate; by default 0.004, for elman and jordan 0.002, for sgd 0.5',
    },
    schedule: {
      type: 'choice', choices: ['constant', 'step', 'decay', 'cosine', 'warmup'], default: 'constant',
      help: 'of the learning rate; step halves it after each quarter of the run, decay multiplies it by ' +
        '--decay before each epoch after the first --decay-after, cosine ends at 0, warmup rises over the ' +
        'first twentieth',
    },
    decay: { type: 'range', above: 0, below: 1, help: 'factor of --schedule decay, 0.5 by default' },
    decayAfter: {
      type: 'count', help: 'epochs before --schedule decay begins to multiply, 4 by default',
    },
    steps: { type: 'count', help: 'stop after N updates' },
    epochs: { type: 'count', help: 'stop after N passes through the text; validates after each' },
    minutes: { type: 'positive', help: 'stop after X minutes, 2 by default; the last validation is extra' },
    seed: { type: 'countOrZero', max: LARGEST_SEED, default: 1, help: 'of everything random' },
    ...deviceOptions,
    sampleEvery: {
      type: 'countOrZero', default: 100,
      help: 'steps between two samples, with one more at the end; 0 for none',
    },
    validateEvery: {
      type: 'countOrZero', default: 0,
      help: 'steps between two validations; 0 for none but those after each of --epochs and at the end',
    },
    out: { type: 'folder', help: 'save the run here, on the way, at the end and on Ctrl-C; with pictures' },
    saveEvery: { type: 'count', help: 'steps between two saves; about every ten seconds by default' },
    resume: {
      type: 'folder',
      help: 'go on with the run in this folder, as if it had never stopped; --steps, --epochs or --minutes ' +
        'give it a later end',
    },
    flowEvery: {
      type: 'countOrZero',
      help: 'steps between two measurements of how far back gradients reach, for the pictures; each takes ' +
        'as long as 1 to 3 steps; 100 by default, 0 for none',
    },
    json: { type: 'flag', help: 'one JSON object a line on stdout, nothing else' },
  },
  excludes: [
    ['steps', 'epochs', 'minutes'], ['corpus', 'data'], ['corpus', 'valid'], ['init', 'forgetBias'],
  ],
  example: 'npx unrolled train --cell gru --hidden 256 --minutes 10 --out runs/gru',
})

export type TrainValues = Values<typeof trainCommand.options>

/**
 * Options that are right one by one, but not together.
 * @throws UsageError, one line, for the first that does not fit
 */
export function checkTogether(options: TrainValues): void {
  const { valid, data, test, unit, minCount, window, horizon, steps, epochs } = options
  const { schedule, decay, decayAfter, hidden, embed, tie } = options
  const refuse = (text: string): never => { throw new UsageError(`train: ${text}`) }
  if (options.saveEvery !== undefined && options.out === undefined) refuse('--save-every goes with --out DIR')
  if (options.flowEvery !== undefined && options.out === undefined) refuse('--flow-every goes with --out DIR')
  if (valid !== undefined && data === undefined) refuse('--valid FILE goes with --data FILE')
  if (test !== undefined && data === undefined) refuse('--test FILE goes with --data FILE')
  if (minCount !== undefined && unit !== 'word') refuse('--min-count N goes with --unit word')
  if (schedule !== 'decay' && decay !== undefined) refuse('--decay X goes with --schedule decay')
  if (schedule !== 'decay' && decayAfter !== undefined) refuse('--decay-after N goes with --schedule decay')
  if (options.variational && options.dropout === 0) refuse('--variational goes with --dropout X')
  if (options.skip && options.layers === 1) refuse('--skip goes with --layers N of 2 or more')
  if (tie && options.skip) refuse('--tie and --skip exclude each other: the head then sees all layers')
  if (tie && embed !== hidden) {
    refuse(`--tie needs vectors of the hidden size; --embed is ${embed}, --hidden ${hidden}`)
  }
  if (options.forgetBias !== undefined && !FORGETTING.split(', ').includes(options.cell)) {
    refuse(`--forget-bias goes with a cell that has forget gates of its own: ${FORGETTING}`)
  }
  if (horizon !== undefined && horizon < window) {
    refuse(`--horizon ${horizon} is shorter than --window ${window}; it must not be`)
  }
  if (dependsOnEnd(schedule) && steps === undefined && epochs === undefined) {
    refuse(`--schedule ${schedule} has to know how long the run is; give --steps or --epochs`)
  }
}

/** Whether a schedule is laid out up to the run's end, which must then be known, and cannot change later. */
export function dependsOnEnd(schedule: TrainValues['schedule']): boolean {
  return schedule !== 'constant' && schedule !== 'decay'
}
