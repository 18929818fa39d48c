// The command line: npx unrolled train | sample | eval | gradcheck. Each command is a file of its own beside this one.
//
// Bad input gives one line on stderr and a non-zero exit code: 2 when the arguments do not fit, 1 for everything else. A stack
// trace is printed only with --debug. A reader that closes the pipe early (| head) ends the command quietly.

import { UnrolledError } from '../check.ts'
import { version } from '../../package.json'
import { evalCommand, runEval } from './eval.ts'
import { gradcheckCommand, runGradcheck } from './gradcheck.ts'
import { helpText } from './help.ts'
import { type Command, type OptionTable, parseCommand, UsageError, type Values, wantsHelp } from './options.ts'
import { runSample, sampleCommand } from './sample.ts'
import { nearest } from './suggest.ts'
import { runTrain, trainCommand } from './train.ts'

interface Entry {
  readonly summary: string
  help(): string
  run(args: readonly string[]): Promise<number>
}

function entry<O extends OptionTable>(command: Command<O>, run: (values: Values<O>) => Promise<number>): Entry {
  return { summary: command.summary, help: () => helpText(command), run: (args) => run(parseCommand(command, args)) }
}

const entries: Record<string, Entry> = {
  train: entry(trainCommand, runTrain),
  sample: entry(sampleCommand, runSample),
  eval: entry(evalCommand, runEval),
  gradcheck: entry(gradcheckCommand, runGradcheck),
}

function overview(): string {
  const lines = Object.entries(entries).map(([name, { summary }]) => `  ${name.padEnd(11)}${summary}`)
  return [
    `unrolled ${version}: recurrent neural networks written out in the open`, '',
    'Usage: npx unrolled COMMAND [options]', '',
    'Commands:', ...lines, '',
    'npx unrolled COMMAND --help explains its options; --version prints the version.', '',
    'Example:', '  npx unrolled train --cell gru --minutes 2 --out runs/first', '',
  ].join('\n')
}

/** Runs the command and gives its exit code. */
async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args
  if (name === undefined) throw new UsageError(`name a command: ${Object.keys(entries).join(', ')}; --help explains them`)
  if (name === '--version') return print(`${version}\n`)
  if (name === '--help' || name === '-h' || name === 'help') return print(overview())
  const chosen = Object.hasOwn(entries, name) ? entries[name] : undefined
  if (!chosen) {
    const close = nearest(name, Object.keys(entries))
    throw new UsageError(`there is no command ${name}; ${close ? `did you mean ${close}?` : 'npx unrolled --help lists them'}`)
  }
  if (wantsHelp(rest)) return print(chosen.help())
  return chosen.run(rest)
}

function print(text: string): number {
  process.stdout.write(text)
  return 0
}

function report(error: unknown, debug: boolean): number {
  if (debug && error instanceof Error) process.stderr.write(`${error.stack}\n`)
  else if (error instanceof UnrolledError) process.stderr.write(`unrolled: ${error.message}\n`)
  else process.stderr.write(`unrolled: a fault of ours: ${String(error)}; --debug shows where\n`)
  return error instanceof UsageError ? 2 : 1
}

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

const given = process.argv.slice(2)
const debug = given.includes('--debug')
main(given.filter((arg) => arg !== '--debug')).then(
  (code) => { process.exitCode = code },
  (error: unknown) => { process.exitCode = report(error, debug) },
)
