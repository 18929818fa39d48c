// Bad input on the command line: one line that says what is wrong, the right exit code, nothing overwritten.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync,
} from 'node:fs'
import { join } from 'node:path'

import { decodeSafetensors, encodeSafetensors } from '../src/io/safetensors.ts'
import { random } from '../src/random.ts'
import { buildCommand, bytesOf, RUN_FILES, tiny, words } from './command.ts'

const test = suite('cli errors')
const { folder, run, remove } = buildCommand()
test.after(remove)

const at = (name: string): string => join(folder, name)
const write = (name: string, contents: string | Uint8Array) => writeFileSync(at(name), contents)
const train = (...args: string[]): string[] => ['train', ...tiny, '--steps', '1', ...args]
const split = (line: string): string[] => line === '' ? [] : line.split(' ')

write('text.txt', words(60))
write('short.txt', 'too short')
write('one.txt', 'w')
write('empty.txt', '')
write('same.txt', '\n'.repeat(500))
write('latin-1.txt', Uint8Array.of(...Buffer.from('the whale '), 0xe9, 0x20))
write('other.txt', 'the queen')
mkdirSync(at('a-folder'))
{
  const { status, stderr } = run(train('--data', 'text.txt', '--out', 'model'))
  assert.is(status, 0, stderr)
}
const untouched = bytesOf(at('model'))

/**
 * Runs and expects failure: one line on stderr, no stack, the model as it was. The line. What a text or a
 * model does wrong is told on any device alike, soonest on the cpu.
 */
function refused(code: number, args: readonly string[]): string {
  const { stdout, stderr, status } = run(code === 1 ? [...args, '--device', 'cpu'] : args)
  const told = `${args.join(' ')}\n${stderr}${stdout}`
  assert.is(status, code, told)
  assert.match(stderr, /^unrolled: [^\n\r]+\n$/, told)
  assert.not.match(stderr, /a bug in unrolled/, told)
  assert.ok(stderr.length < 400, told)
  assert.is(bytesOf(at('model')), untouched, told)
  return stderr.slice('unrolled: '.length, -1)
}

const usage: [args: string, line: RegExp][] = [
  ['', /^name a command: train, sample, eval, experiment, flow, gradcheck/],
  ['trian', /^there is no command trian; did you mean train\?$/],
  ['help trian', /^there is no command trian; did you mean train\?$/],
  ['version', /^there is no command version; did you mean --version\?$/],
  ['fly', /^there is no command fly; npx unrolled --help lists what there is$/],
  ['--hepl', /^--hepl: is not an option; did you mean --help\?$/],
  ['-x', /^-x: is not an option; npx unrolled --help lists what there is$/],
  ['train --hiden 8', /^--hiden: is not an option of train; did you mean --hidden\?$/],
  ['train --hidden 0', /^--hidden 0: must be a whole number from 1 to 65536$/],
  ['train --hidden 1e99', /^--hidden 1e99: must be a whole number/],
  ['train --layers 2.5', /^--layers 2.5: must be a whole number/],
  ['train --lr nan', /^--lr nan: must be a positive number$/],
  ['train --lr', /^--lr: needs a value: a positive number$/],
  ['train --clip -1', /^--clip -1: must be a positive number$/],
  ['train --minutes 0', /^--minutes 0: must be a positive number$/],
  ['train --dropout 1', /^--dropout 1: must be a number from 0 to below 1$/],
  ['train --seed 1e20', /^--seed 1e20: must be a whole number from 0 to \d+$/],
  ['train --cell lstn', /^--cell lstn: must be one of .*; did you mean lstm\?$/],
  ['train --optimizer adm', /^--optimizer adm: must be one of .*; did you mean adam\?$/],
  ['train --schedule cos', /^--schedule cos: must be one of .*; did you mean cosine\?$/],
  ['train --corpus moby', /^--corpus moby: must be one of moby-dick; did you mean moby-dick\?$/],
  ['train --device abacus', /^--device abacus: must be one of auto, cpu, simd, gpu$/],
  ['train text.txt', /^train: text.txt is left over; options begin with --$/],
  ['sample model', /^sample: model is left over; is it --model model\?$/],
  ['train --json=yes', /^--json: takes no value$/],
  ['train --steps 1 --minutes 1', /^train: --steps, --minutes exclude each other/],
  ['train --corpus moby-dick --data text.txt', /^train: --corpus, --data exclude each other/],
  ['train --valid text.txt', /^train: --valid FILE goes with --data FILE$/],
  ['train --horizon 3', /^train: --horizon 3 is shorter than --window 64; it must not be$/],
  ['train --schedule step', /^train: --schedule step has to know how long the run is; give --steps or/],
  ['train --variational', /^train: --variational goes with --dropout X$/],
  ['train --weight-drop 1', /^--weight-drop 1: must be a number from 0 to below 1$/],
  ['train --ar 0', /^--ar 0: must be a positive number$/],
  ['train --test FILE', /^train: --test FILE goes with --data FILE$/],
  ['train --min-count 3', /^train: --min-count N goes with --unit word$/],
  ['train --unit words', /^--unit words: must be one of character, word; did you mean word\?$/],
  ['train --skip', /^train: --skip goes with --layers N of 2 or more$/],
  ['train --skip --layers 2 --tie', /^train: --tie and --skip exclude each other: the head then sees all/],
  ['train --forget-bias 1 --cell gru', /^train: --forget-bias goes with a cell that has forget gates of its/],
  ['train --forget-bias 30', /^--forget-bias 30: must be a number from -20 to 20$/],
  ['train --forget-bias 1 --init 1', /^train: --init, --forget-bias exclude each other; give one of/],
  ['train --tie', /^train: --tie needs vectors of the hidden size; --embed is 64, --hidden 128$/],
  ['train --decay 0.5', /^train: --decay X goes with --schedule decay$/],
  ['train --decay-after 4 --schedule step', /^train: --decay-after N goes with --schedule decay$/],
  ['train --decay 1', /^--decay 1: must be a number above 0 and below 1$/],
  ['train --init 0', /^--init 0: must be a positive number$/],
  ['sample', /^sample: --model is needed: the folder that train --out made$/],
  ['sample --model model --temperature 0', /^--temperature 0: must be a positive number$/],
  ['sample --model model --top-k 0', /^--top-k 0: must be a whole number of 1 or more$/],
  ['sample --model model --top-p 1.5', /^--top-p 1.5: must be a number above 0 and up to 1$/],
  ['sample --model model --length 0', /^--length 0: must be a whole number of 1 or more$/],
  ['sample --model model --prompt=', /^--prompt: is empty; leave it out/],
  ['eval --model model', /^eval: --data is needed: a UTF-8 text$/],
]

test('arguments that do not fit: exit code 2', () => {
  for (const [args, line] of usage) assert.match(refused(2, split(args)), line)
})

test('texts: missing, a folder, empty, too short, not UTF-8, with characters that the model lacks', () => {
  const lines: [string, RegExp][] = [
    ['--data nowhere.txt', /^nowhere.txt: there is no such file$/],
    ['--data a-folder', /^a-folder: is a folder, not a text file$/],
    ['--data text.txt/x', /^text.txt\/x: cannot be read: a part of the path is a file, not a folder$/],
    ['--data empty.txt', /^empty.txt: is empty$/],
    ['--data short.txt', /^short.txt: has 9 characters; .* 40 or more .*; take a smaller batch or window$/],
    ['--data text.txt --batch 5000', /^text.txt: has \d+ characters; batch 5000 and window 8 need 50000 or/],
    ['--data latin-1.txt', /^latin-1.txt: is not UTF-8 text; the first byte .* is 0xE9 at offset 10$/],
    ['--data same.txt', /^same.txt: holds one character only, "\\n" \(U\+000A\), .*; there is nothing to/],
    ['--data text.txt --valid nowhere.txt', /^nowhere.txt: there is no such file$/],
    ['--data text.txt --valid one.txt', /^one.txt: has 1 character; 2 or more are needed$/],
    ['--data text.txt --valid other.txt', /^other.txt: character q \(U\+0071\) at position 4 is not in/],
  ]
  for (const [args, line] of lines) {
    assert.match(refused(1, train(...split(args), '--out', 'model')), line)
    assert.match(refused(1, train(...split(args), '--json', '--out', 'new')), line)
    assert.is(existsSync(at('new')), false, args)
  }
  const evaluation = ['eval', '--model', 'model', '--data']
  assert.match(refused(1, [...evaluation, 'other.txt']), /^other.txt: character q \(U\+0071\) at position 4/)
  assert.match(refused(1, [...evaluation, 'one.txt']), /^one.txt: has 1 character; 2 or more are needed$/)
  assert.match(refused(1, [...evaluation, 'two\nlines.txt']), /^"two\\nlines.txt": there is no such file$/)
  const prompt = refused(1, ['sample', '--model', 'model', '--prompt', 'the Queen'])
  assert.match(prompt, /^--prompt: character Q \(U\+0051\) at position 4 is not in the vocabulary of \d+/)
})

test('folders that nothing can be written to are refused before the training', () => {
  const out = (dir: string) => refused(1, train('--data', 'text.txt', '--out', dir))
  assert.is(out('text.txt'), 'text.txt: cannot be a folder: text.txt is a file')
  assert.is(out('text.txt/deep/er'), 'text.txt/deep/er: cannot be a folder: text.txt is a file')
  mkdirSync(at('locked'))
  chmodSync(at('locked'), 0o555)
  if (process.getuid?.() !== 0) assert.match(out('locked'), /^locked: nothing can be written there: perm/)
  else if (existsSync('/proc')) {
    assert.is(out('/proc/unrolled'), '/proc/unrolled: cannot be made: /proc takes no new folders')
  }
})

test('sizes that no memory holds are named before anything is made', () => {
  const sized = (...args: string[]) => refused(1, train('--data', 'text.txt', '--out', 'never', ...args))
  const largest = sized('--hidden', '65536', '--layers', '64')
  assert.match(largest, /^train: --hidden 65536 --layers 64 --embed 4 --batch 4 --window 8 need at least /)
  assert.match(largest, / [\d,]+ GB of memory \([\d,]+ parameters .*\); this machine has \d+ GB; lower them$/)
  assert.match(sized('--embed', '65536', '--hidden', '65536', '--layers', '9'), /need at least [\d,]+ GB/)
  assert.match(sized('--horizon', '1048576', '--hidden', '60000', '--cell', 'elman'), /need at least/)
  assert.is(existsSync(at('never')), false)
})

test('a run that diverges says so and what to lower; the older model stays, bit for bit', () => {
  const wild: [string, RegExp][] = [
    ['--lr 1e300 --steps 5', /^train: the run diverged: the gradient norm of step 2 is NaN; nothing was sav/],
    ['--lr 1e38 --sample-every 0', /^train: the run diverged: evaluate: the loss is NaN; nothing was saved/],
    ['--lr 1e38', /^train: the run diverged: sample: the model gives values that are not finite; nothing/],
    ['--lr 1e300 --optimizer sgd --clip 1e38 --cell elman', /^train: the run diverged: /],
  ]
  for (const [args, line] of wild) {
    const message = refused(1, train('--data', 'text.txt', '--out', 'model', ...split(args)))
    assert.match(message, line)
    assert.match(message, /; try a smaller --lr \(it was 1e\+\d+\) or --clip \(it was (5|1e\+38)\)$/)
  }
  assert.equal(readdirSync(at('model')).sort(), RUN_FILES)
})

/** A copy of the model, to be damaged. */
function copy(damage: (dir: string, weights: Uint8Array) => void): string {
  rmSync(at('damaged'), { recursive: true, force: true })
  mkdirSync(at('damaged'))
  const names = ['model.safetensors', 'config.json']
  for (const name of names) copyFileSync(at(`model/${name}`), at(`damaged/${name}`))
  damage(at('damaged'), readFileSync(at('model/model.safetensors')))
  return 'damaged'
}

/** Neither sampling nor evaluation takes it, and both say the same. */
function unusable(model: string): string {
  const line = refused(1, ['sample', '--model', model, '--length', '5'])
  assert.is(refused(1, ['eval', '--model', model, '--data', 'text.txt']), line)
  return line
}

test('models that are missing, cut off, or something else', () => {
  assert.is(unusable('nowhere'), 'nowhere: there is no such folder')
  assert.match(unusable('text.txt'), /^text.txt: is a file; the folder that holds model.safetensors is/)
  assert.match(unusable('a-folder'),
    /^a-folder: there is no model.safetensors in this folder, such as train --out DIR makes$/)
  const weights = readFileSync(at('model/model.safetensors'))
  const draw = random(4)
  const broken: [Uint8Array, RegExp][] = [
    [new Uint8Array(0), /^damaged\/model.safetensors: is 0 bytes long, too short/],
    [weights.subarray(0, 60), /its header should be \d+ bytes long, but the file is only 60; it is cut off/],
    [weights.subarray(0, -1), /tensor head.bias lies at .* but the file ends at \d+; it is cut off$/],
    [Uint8Array.from({ length: 3000 }, () => draw.integer(256)), /not a safetensors file$/],
    [Uint8Array.of(...weights, 0), /has 1 bytes after its last tensor$/],
  ]
  for (const [bytes, line] of broken) {
    assert.match(unusable(copy((dir) => writeFileSync(join(dir, 'model.safetensors'), bytes))), line)
  }
  const lie = (from: string, to: string) => unusable(copy((dir, bytes) => {
    const text = Buffer.from(bytes).toString('latin1')
    assert.ok(text.includes(from) && from.length === to.length)
    writeFileSync(join(dir, 'model.safetensors'), Buffer.from(text.replace(from, to), 'latin1'))
  }))
  assert.match(lie('"shape":[32,8]', '"shape":[32,9]'), /has shape \[32, 9\], which is 1152 bytes, but off/)
  assert.match(lie('"shape":[32,8]', '"shape":[9e9,8'), /its header is not JSON|has a shape/)
  assert.match(lie('"dtype":"F32"', '"dtype":"I32"'), /has dtype I32; only F64, F32, F16 or BF16 can be/)
  assert.match(lie('"dtype":"F32"', '"dtype":"F64"'), /\(F64\) has shape .*, which is \d+ bytes, but offsets/)
})

/** The model with its inner configuration (and so config.json beside it) changed. */
function reconfigured(change: Record<string, unknown>): string {
  return copy((dir, bytes) => {
    const { tensors, metadata } = decodeSafetensors(bytes, 'model')
    const config = { ...JSON.parse(metadata.get('unrolled.config') ?? '{}') as object, ...change }
    metadata.set('unrolled.config', JSON.stringify(config))
    writeFileSync(join(dir, 'model.safetensors'), encodeSafetensors(tensors, metadata))
    writeFileSync(join(dir, 'config.json'), JSON.stringify(config))
  })
}

test('a configuration that disagrees with the weights, or makes no sense', () => {
  const { vocabulary } = JSON.parse(readFileSync(at('model/config.json'), 'utf8')) as { vocabulary: string }
  const apart = /^damaged: its configuration and its weights do not belong together: /
  for (const change of [
    { hidden: 7 }, { hidden: 9 }, { hidden: 1e9 }, { embed: 5 }, { layers: 2 }, { layers: 1e12 },
    { cell: 'gru' }, { cell: 'elman' }, { cell: 'jordan' },
    { vocabulary: vocabulary.slice(0, -1) }, { vocabulary: `${vocabulary}~` },
  ]) assert.match(unusable(reconfigured(change)), apart, JSON.stringify(change))
  for (const [change, line] of [
    [{ hidden: 0 }, /^damaged: its configuration says hidden is 0; it must be a whole number of 1 or more$/],
    [{ hidden: '8' }, /says hidden is "8"; it must be/],
    [{ layers: undefined }, /says layers is missing; it must be/],
    [{ cell: 'transformer' }, /says cell is "transformer"; it must be one of jordan, elman, .*-lstm$/],
    [{ dropout: 7 }, /says dropout is 7; it must be a number from 0 to below 1$/],
    [{ tied: 1 }, /says tied is 1; it must be true or false$/],
    [{ tied: true }, /^damaged: its configuration and its weights .*: embed is 4, hidden is 8; with tied/],
    [{ kind: 'classifier' }, /^damaged: is not a language model/],
    [{ unit: 'byte' }, /^damaged: its unit is "byte"; it must be character or word$/],
    [{ unit: undefined }, /^damaged: its unit is missing; it must be character or word$/],
    [{ unit: 'word' }, /^damaged: the vocabulary must be a list of words that holds each once$/],
    [{ unit: 'word', vocabulary: ['<unk>', '<eos>', 'a', 'a'] }, /^damaged: vocabulary: word 3, a, stands/],
    [{ vocabulary: 'aab' }, /^damaged: vocabulary: character a \(U\+0061\) stands there twice$/],
    [{ vocabulary: 7 }, /^damaged: the vocabulary must be one string that holds every character once$/],
  ] as const) assert.match(unusable(reconfigured(change)), line)
})

test('config.json is a copy for people: edited or missing it does no harm, broken it is named', () => {
  const sample = (model: string) => run(['sample', '--model', model, '--length', '20'])
  const wanted = sample('model')
  assert.is(wanted.status, 0)
  const edited = sample(copy((dir) => {
    const path = join(dir, 'config.json')
    writeFileSync(path, readFileSync(path, 'utf8').replace('"hidden": 8', '"hidden": 9'))
  }))
  assert.is(edited.stdout, wanted.stdout)
  assert.match(edited.stderr, /^unrolled: note: damaged\/config.json disagrees .*\(first at hidden\).*\n$/)
  const missing = sample(copy((dir) => rmSync(join(dir, 'config.json'))))
  assert.equal([missing.stdout, missing.stderr], [wanted.stdout, ''])
  const broken = copy((dir) => writeFileSync(join(dir, 'config.json'), '{ "hidden": '))
  assert.match(unusable(broken), /^damaged\/config.json: is not JSON; remove it to use the copy inside/)
})

test('weights that are not finite are noticed, not printed', () => {
  const sick = copy((dir, bytes) => {
    const { tensors, metadata } = decodeSafetensors(bytes, 'model')
    tensors.get('head.bias')?.data.fill(NaN)
    writeFileSync(join(dir, 'model.safetensors'), encodeSafetensors(tensors, metadata))
  })
  assert.match(refused(1, ['sample', '--model', sick]), /^sample: the model gives values that are not finite/)
  assert.match(refused(1, ['eval', '--model', sick, '--data', 'text.txt']), /^evaluate: the loss is NaN/)
})

test('--debug shows where an error came from', () => {
  const { stderr, status } = run(['eval', '--model', 'nowhere', '--data', 'text.txt', '--debug'])
  assert.is(status, 1)
  assert.match(stderr, /^UnrolledError: nowhere: there is no such folder\n {4}at /)
})

test.run()
