// The command line: npx unrolled train | sample | eval | experiment | flow | gradcheck | devices. Each is a
// file beside this one.
//
// Bad input gives one line on stderr and a non-zero exit code: 2 when the arguments do not fit, 1 for
// everything else. A stack trace is printed only with --debug. A reader that closes the pipe early (| head)
// ends the command quietly.

import { version } from '../../package.json'
import { UnrolledError } from '../check.ts'
import { oneLine, printable } from '../data/printable.ts'
import { errorCode, reasonOf } from '../io/reasons.ts'
import { devicesCommand, runDevices } from './devices.ts'
import { evalCommand, runEval } from './eval.ts'
import { experimentCommand, runExperiments } from './experiment.ts'
import { flowCommand, runFlow } from './flow.ts'
import { gradcheckCommand, runGradcheck } from './gradcheck.ts'
import { helpText } from './help.ts'
import { endRun, isInterrupted } from './interrupt.ts'
import { givenOptions, parseCommand, UsageError, wantsHelp } from './options.ts'
import type { Command, OptionTable, Values } from './options.ts'
import { runSample, sampleCommand } from './sample.ts'
import { nearest } from '../suggest.ts'
import { trainCommand } from './train-options.ts'
import { runTrain } from './train.ts'

interface Entry {
  readonly summary: string
  help(): string
  run(args: readonly string[]): Promise<number>
}

function entry<O extends OptionTable>(
  command: Command<O>, run: (values: Values<O>, given: ReadonlySet<string>) => Promise<number>,
): Entry {
  return {
    summary: command.summary,
    help: () => helpText(command),
    run: (args) => run(parseCommand(command, args), givenOptions(command, args)),
  }
}

const entries: ReadonlyMap<string, Entry> = new Map([
  ['train', entry(trainCommand, runTrain)],
  ['sample', entry(sampleCommand, runSample)],
  ['eval', entry(evalCommand, runEval)],
  ['experiment', entry(experimentCommand, (values) => runExperiments(values))],
  ['flow', entry(flowCommand, (values) => runFlow(values))],
  ['gradcheck', entry(gradcheckCommand, runGradcheck)],
  ['devices', entry(devicesCommand, runDevices)],
])

function overview(): string {
  const lines = [...entries].map(([name, { summary }]) => `  ${name.padEnd(11)}${summary}`)
  return [
    `unrolled ${version}: recurrent neural networks written out in the open`, '',
    'Usage: npx unrolled COMMAND [options]', '',
    'Commands:', ...lines, '',
    'npx unrolled COMMAND --help explains its options.',
    '--version prints the version; --debug shows where an error came from.',
    'Nothing is printed in colour, with NO_COLOR or without.',
    'Exit codes: 0 done, 1 failed, 2 the arguments do not fit, 130 Ctrl-C.', '',
    'Example:', '  npx unrolled train --cell gru --minutes 2 --out runs/first', '',
  ].join('\n')
}

/** Runs the command and gives its exit code. */
async function main([name, ...rest]: readonly string[]): Promise<number> {
  const names = [...entries.keys()]
  if (name === undefined) throw new UsageError(`name a command: ${names.join(', ')}; --help explains them`)
  if (['--version', '-v', '-V'].includes(name)) return print(`${version}\n`)
  if (['--help', '-h', 'help'].includes(name)) {
    const [about] = rest.filter((arg) => !arg.startsWith('-'))
    return print(about === undefined ? overview() : entryOf(about).help())
  }
  const chosen = entryOf(name)
  return wantsHelp(rest) ? print(chosen.help()) : chosen.run(rest)
}

/** The command of that name; for any other the nearest is suggested. */
function entryOf(name: string): Entry {
  const chosen = entries.get(name)
  if (chosen) return chosen
  const isOption = name.startsWith('-')
  const known = isOption ? ['--help', '--version', '--debug'] : [...entries.keys(), '--version', '--help']
  const close = nearest(name, known)
  const hint = close === undefined ? 'npx unrolled --help lists what there is' : `did you mean ${close}?`
  const what = isOption ? `${printable(name)}: is not an option` : `there is no command ${printable(name)}`
  throw new UsageError(`${what}; ${hint}`)
}

function print(text: string): number {
  process.stdout.write(text)
  return 0
}

/** One line on stderr, or with --debug where it came from; the exit code. */
function report(error: unknown, debug: boolean): number {
  process.stderr.write(debug && error instanceof Error ? `${error.stack}\n` : `unrolled: ${lineOf(error)}\n`)
  return error instanceof UsageError ? 2 : 1
}

function lineOf(error: unknown): string {
  if (error instanceof UnrolledError) return oneLine(error.message)
  if (error instanceof RangeError && /array (buffer )?(allocation|length)/i.test(error.message)) {
    return 'there is not enough memory for this; take a smaller net, batch or window'
  }
  return `this is a bug in unrolled: ${reasonOf(error)}; --debug shows where`
}

/**
 * What we print cannot be printed: nobody reads on, which is no error, or the disk is full. A run that is
 * under way saves first. A Ctrl-C that ends the reader (| tee), or a terminal that was closed, is for us as
 * well: its signal is heard after two turns of the event loop.
 */
function endOfOutput(error: Error): void {
  setImmediate(() => setImmediate(() => {
    if (isInterrupted() || outputEnded) return
    outputEnded = true
    const exitCode = errorCode(error) === 'EPIPE' ? 0 : 1
    if (exitCode === 1) process.stderr.write(`unrolled: the output cannot be written: ${reasonOf(error)}\n`)
    if (!endRun(exitCode)) process.exit(exitCode)
  }))
}

let outputEnded = false

process.stdout.on('error', endOfOutput)
process.stderr.on('error', () => { if (!isInterrupted()) process.exit(1) })

const given = process.argv.slice(2)
const debug = given.includes('--debug')
// What goes wrong outside of the command's own course, in an event's handler.
process.on('uncaughtException', (error) => process.exit(report(error, debug)))
main(given.filter((arg) => arg !== '--debug')).then(
  (code) => { process.exitCode = code },
  (error: unknown) => { process.exitCode = report(error, debug) },
)
