// The command line's options: what is typed becomes typed values, or one line that says what is needed.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'

import { helpText } from '../src/cli/help.ts'
import { defineCommand, flagName, parseCommand, UsageError, wantsHelp } from '../src/cli/options.ts'
import { editDistance, nearest } from '../src/suggest.ts'

const test = suite('options')

const train = defineCommand({
  name: 'train',
  summary: 'trains a recurrent net on a text',
  options: {
    cell: { type: 'choice', choices: ['elman', 'jordan', 'lstm', 'gru'], default: 'lstm', help: 'kind' },
    hidden: { type: 'count', default: 128, max: 65536, help: 'units in each layer' },
    lr: { type: 'positive', default: 0.004, help: 'learning rate' },
    clip: { type: 'positive', help: 'largest norm of the gradient' },
    dropout: { type: 'range', from: 0, below: 1, default: 0, help: 'share of values dropped between layers' },
    topP: { type: 'range', above: 0, to: 1, help: 'sample from the likeliest that make up this share' },
    seed: { type: 'countOrZero', default: 1, help: 'of the random numbers' },
    steps: { type: 'count', help: 'updates' },
    epochs: { type: 'count', help: 'times through the text' },
    minutes: { type: 'positive', help: 'time' },
    data: { type: 'file', help: 'a text file in UTF-8' },
    prompt: { type: 'text', default: '', help: 'what a sample begins with' },
    json: { type: 'flag', help: 'one JSON object a line' },
  },
  excludes: [['steps', 'epochs', 'minutes']],
  example: 'npx unrolled train --cell gru --minutes 5',
})

const sample = defineCommand({
  name: 'sample',
  summary: 'writes text',
  usage: '--model DIR [options]',
  options: { model: { type: 'folder', required: true, help: 'folder of a saved model' } },
  example: 'npx unrolled sample --model runs/moby-dick',
})

// The message of the UsageError that these arguments of `train` lead to: one line.
function refused(...args: string[]): string {
  try {
    parseCommand(train, args)
  } catch (error) {
    assert.instance(error, UsageError)
    const { message } = error as UsageError
    assert.not.match(message, /[\n\r]/)
    return message
  }
  throw new Error(`${args.join(' ')} was accepted`)
}

test('without arguments the defaults, and undefined where there is none', () => {
  assert.equal(parseCommand(train, []), {
    cell: 'lstm', hidden: 128, lr: 0.004, clip: undefined, dropout: 0, topP: undefined, seed: 1,
    steps: undefined, epochs: undefined, minutes: undefined, data: undefined, prompt: '', json: false,
  })
})

test('the table gives the types of the values', () => {
  type Same<A, B> = (<X>() => X extends A ? 1 : 2) extends (<X>() => X extends B ? 1 : 2) ? true : false
  const values = parseCommand(train, [])
  const checks: [
    Same<typeof values.cell, 'elman' | 'jordan' | 'lstm' | 'gru'>, Same<typeof values.hidden, number>,
    Same<typeof values.clip, number | undefined>, Same<typeof values.topP, number | undefined>,
    Same<typeof values.data, string | undefined>, Same<typeof values.prompt, string>,
    Same<typeof values.json, boolean>,
  ] = [true, true, true, true, true, true, true]
  const { model } = parseCommand(sample, ['--model', 'a'])
  const required: Same<typeof model, string> = true
  assert.ok(required && checks.every(Boolean))
})

test('both ways to write a value, and the last of several wins', () => {
  const values = parseCommand(train, ['--hidden=64', '--cell', 'gru', '--lr', '1e-3', '--top-p=.9', '--json',
    '--hidden', '32', '--data', 'a b.txt', '--seed', '0', '--dropout=0.5'])
  assert.is(values.hidden, 32)
  assert.is(values.cell, 'gru')
  assert.is(values.lr, 0.001)
  assert.is(values.topP, 0.9)
  assert.is(values.json, true)
  assert.is(values.data, 'a b.txt')
  assert.is(values.seed, 0)
  assert.is(values.dropout, 0.5)
})

test('text may be empty, begin with a dash, hold = and newlines', () => {
  for (const text of ['', '-1', '-', 'a=b', 'Call me\n', '🐋', '-x']) {
    assert.is(parseCommand(train, ['--prompt', text]).prompt, text)
    assert.is(parseCommand(train, [`--prompt=${text}`]).prompt, text)
  }
  assert.is(parseCommand(train, ['--prompt=--json']).prompt, '--json')
  assert.is(parseCommand(train, ['--prompt=--json']).json, false)
})

test('counts', () => {
  for (const value of ['1', '+7', '65536', '1e3', '2.0']) {
    assert.is(parseCommand(train, ['--hidden', value]).hidden, Number(value))
  }
  assert.is(refused('--hidden', '0'), '--hidden 0: must be a whole number from 1 to 65536')
  assert.is(refused('--steps', '0'), '--steps 0: must be a whole number of 1 or more')
  for (const value of ['-1', '1.5', 'nan', 'Infinity', '1e999', '0x10', '12a', '1,0', '9007199254740993']) {
    assert.is(refused('--steps', value), `--steps ${value}: must be a whole number of 1 or more`)
    assert.is(refused(`--steps=${value}`), `--steps ${value}: must be a whole number of 1 or more`)
  }
  assert.match(refused('--hidden', '65537'), /from 1 to 65536$/)
  assert.match(refused('--seed', '-1'), /^--seed -1: must be a whole number of 0 or more$/)
  assert.is(refused('--steps='), '--steps "": must be a whole number of 1 or more')
  assert.is(refused('--steps', ' 1'), '--steps " 1": must be a whole number of 1 or more')
  assert.is(refused('--steps', '1\n2'), '--steps "1\\n2": must be a whole number of 1 or more')
})

test('numbers', () => {
  for (const value of ['nan', '0', '-0.1', '-0', 'inf', '1e-999', '', '.', '1e', '--1']) {
    assert.match(refused(`--lr=${value}`), /^--lr (\S+): must be a positive number$/)
  }
  assert.is(refused('--lr', 'nan'), '--lr nan: must be a positive number')
  assert.is(refused('--lr', '-1'), '--lr -1: must be a positive number')
  assert.is(refused('--dropout', '1'), '--dropout 1: must be a number from 0 to below 1')
  assert.match(refused('--dropout', '-0.1'), /from 0 to below 1$/)
  assert.match(refused('--dropout', 'x'), /from 0 to below 1$/)
  assert.is(parseCommand(train, ['--top-p', '1']).topP, 1)
  assert.is(refused('--top-p', '0'), '--top-p 0: must be a number above 0 and up to 1')
})

test('choices', () => {
  assert.is(refused('--cell', 'lstmm'),
    '--cell lstmm: must be one of elman, jordan, lstm, gru; did you mean lstm?')
  assert.is(refused('--cell', 'transformer'), '--cell transformer: must be one of elman, jordan, lstm, gru')
  assert.is(refused('--cell', 'toString'), '--cell toString: must be one of elman, jordan, lstm, gru')
  assert.match(refused('--cell='), /^--cell "": must be one of/)
})

test('paths', () => {
  assert.is(refused('--data='), '--data "": must be the name of a file')
  assert.match(refused('--data', 'a\0b'), /^--data "a\\u0000b": must be the name/)
})

test('unknown options, with what was probably meant', () => {
  assert.is(refused('--hiden', '3'), '--hiden: is not an option of train; did you mean --hidden?')
  assert.is(refused('--hidden-size=3'), '--hidden-size: is not an option of train; did you mean --hidden?')
  assert.is(refused('--topP', '1'), '--topP: is not an option of train; did you mean --top-p?')
  assert.is(refused('--hlep'), '--hlep: is not an option of train; did you mean --help?')
  assert.is(refused('-json'), '-j: is not an option of train; unrolled train --help lists them')
  for (const name of ['--bananas', '--__proto__', '--constructor', '-q', '--no-json']) {
    assert.ok(refused(name, '1').startsWith(`${name}: is not an option of train`))
  }
})

test('missing values, values too many, arguments left over', () => {
  assert.is(refused('--hidden'), '--hidden: needs a value: a whole number from 1 to 65536')
  assert.is(refused('--data', '--json'),
    '--data: needs a value: the name of a file; one that begins with -- is written --data=--json')
  assert.is(refused('--json=1'), '--json: takes no value')
  assert.is(refused('--json', 'book.txt'), 'train: book.txt is left over; options begin with --')
  assert.is(refused('--', '--json'), 'train: --json is left over; options begin with --')
  assert.is(refused(''), 'train: "" is left over; options begin with --')
})

test('options that exclude each other', () => {
  assert.is(refused('--steps', '1', '--minutes', '2'),
    'train: --steps, --minutes exclude each other; give one of --steps, --epochs, --minutes')
  assert.is(parseCommand(train, ['--steps', '1', '--steps', '2']).steps, 2)
})

test('an option that is needed', () => {
  assert.throws(() => parseCommand(sample, []), (error: unknown) => error instanceof UsageError &&
    error.message === 'sample: --model is needed: folder of a saved model')
  assert.is(parseCommand(sample, ['--model', 'x']).model, 'x')
  assert.throws(() => parseCommand(sample, ['--model=']), /^--model "": must be the name of a folder$/)
})

test('help is asked for before anything is parsed', () => {
  assert.ok(wantsHelp(['--hidden', '0', '--help']))
  assert.ok(wantsHelp(['-h']))
  assert.not.ok(wantsHelp(['--', '--help']))
  assert.not.ok(wantsHelp(['--prompt=--help']))
  assert.not.ok(wantsHelp([]))
})

test('help: aligned, with defaults and choices, an example at the end', () => {
  const text = helpText(train)
  const lines = text.split('\n')
  assert.is(lines[0], 'unrolled train: trains a recurrent net on a text')
  assert.ok(lines.includes('Usage: npx unrolled train [options]'))
  assert.ok(lines.includes('At most one of --steps, --epochs, --minutes.'))
  assert.equal(lines.slice(-3), ['Example:', '  npx unrolled train --cell gru --minutes 5', ''])
  assert.ok(lines.every((line) => line.length <= 100 && line === line.trimEnd()))
  const options = lines.filter((line) => line.startsWith('  --'))
  assert.is(options.length, Object.keys(train.options).length + 1)
  assert.is(new Set(options.map((line) => /^ {2}\S+(?: [A-Z]+)? +/.exec(line)?.[0].length)).size, 1)
  assert.ok(options.includes('  --hidden N     units in each layer (default 128)'))
  assert.ok(options.includes('  --cell NAME    kind: elman, jordan, lstm, gru (default lstm)'))
  assert.ok(options.includes('  --data FILE    a text file in UTF-8'))
  assert.match(helpText(sample), /Usage: npx unrolled sample --model DIR \[options\]/)
  assert.match(helpText(sample), /--model DIR {2}folder of a saved model \(needed\)/)
})

test('help: a long explanation goes on in the next line, moved in', () => {
  const long = defineCommand({ name: 'x', summary: 's', example: 'e',
    options: { a: { type: 'flag', help: 'word '.repeat(40).trim() } } })
  const lines = helpText(long).split('\n').filter((line) => line.includes('word'))
  assert.is(lines.length, 3)
  for (const line of lines) assert.ok(line.length <= 96 && line.indexOf('word') === lines[0].indexOf('word'))
})

test('edit distance: letters too many, too few, others, swapped', () => {
  for (const [a, b, distance] of [['', '', 0], ['abc', '', 3], ['', 'ab', 2], ['hidden', 'hiden', 1],
    ['ab', 'ba', 1], ['kitten', 'sitting', 3], ['abcd', 'acbd', 1], ['gru', 'lstm', 4]] as const) {
    assert.is(editDistance(a, b), distance, `${a} ${b}`)
    assert.is(editDistance(b, a), distance, `${b} ${a}`)
  }
})

test('the nearest name, or none', () => {
  const names = ['hidden', 'layers', 'lr', 'moby-dick', 'steps']
  assert.is(nearest('hiddn', names), 'hidden')
  assert.is(nearest('HIDDEN', names), 'hidden')
  assert.is(nearest('ir', names), 'lr')
  assert.is(nearest('mob', names), 'moby-dick') // its beginning
  assert.is(nearest('xyz', names), undefined)
  assert.is(nearest('', names), undefined)
  assert.is(nearest('x'.repeat(1e6), names), undefined)
  assert.is(nearest('a', []), undefined)
  assert.is(flagName('topK'), 'top-k')
})

test.run()
