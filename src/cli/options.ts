// The options of a command as a table: parsed, checked and typed by it, and explained by --help.
//
//   const train = defineCommand({ name: 'train', summary: '...', example: 'unrolled train --hidden 256',
//     options: { hidden: { type: 'count', default: 128, help: 'units per layer' }, ... } })
//   parseCommand(train, ['--hidden', '64']).hidden   // 64, a number
//
// Splitting the arguments is left to node:util; what they mean is decided here. A key `topK` is the option
// --top-k. Read next: help.ts, which prints the table.

import { parseArgs } from 'node:util'

import { UnrolledError } from '../check.ts'
import { printable } from '../data/printable.ts'
import { nearest } from '../suggest.ts'

/** The arguments do not fit the command: the message names the option and what is needed. */
export class UsageError extends UnrolledError {
  override name = 'UsageError'
}

interface Common {
  /** a few words, for --help */
  help: string
  /** what stands for the value in --help, such as DIR */
  value?: string
  /** the option must be given */
  required?: true
}

/** A whole number: `count` from `min`, 1 by default, `countOrZero` from 0, up to `max`. */
export interface CountOption extends Common {
  type: 'count' | 'countOrZero'
  default?: number
  min?: number
  max?: number
}

/** A finite number above 0. */
export interface PositiveOption extends Common {
  type: 'positive'
  default?: number
}

/** A finite number between limits: `from` and `to` may be reached, `above` and `below` may not. */
export interface RangeOption extends Common {
  type: 'range'
  from?: number
  above?: number
  to?: number
  below?: number
  default?: number
}

/** One of a list of words. */
export interface ChoiceOption extends Common {
  type: 'choice'
  choices: readonly string[]
  default?: string
}

/** Any text; or the name of a file or a folder, which cannot be empty. */
export interface TextOption extends Common {
  type: 'text' | 'file' | 'folder'
  default?: string
}

/** On when it is given; takes no value. */
export interface FlagOption extends Common {
  type: 'flag'
}

export type Option = CountOption | PositiveOption | RangeOption | ChoiceOption | TextOption | FlagOption
export type OptionTable = Readonly<Record<string, Option>>

/** A command of the command line. */
export interface Command<O extends OptionTable = OptionTable> {
  /** as it is typed: `train` */
  name: string
  /** one line */
  summary: string
  /** what follows the name in the line "Usage:"; `[options]` by default */
  usage?: string
  options: O
  /** the option whose value may stand without its flag: `experiment NAME` */
  operand?: keyof O & string
  /** groups of options of which at most one may be given */
  excludes?: readonly (readonly (keyof O & string)[])[]
  /** a line that can be typed as it stands */
  example: string
}

type ValueOf<S extends Option> =
  S extends { type: 'flag' } ? boolean :
  S extends { type: 'choice', choices: readonly (infer C)[] } ? C :
  S extends { type: 'text' | 'file' | 'folder' } ? string : number

/** What parsing gives: each option's value; undefined where it was not given and has no default. */
export type Values<O extends OptionTable> = {
  [K in keyof O]: O[K] extends { type: 'flag' } | { default: string | number } | { required: true }
    ? ValueOf<O[K]> : ValueOf<O[K]> | undefined
}

/** Gives the table its exact type (`const`, so that choices become a union of words). */
export function defineCommand<const O extends OptionTable>(command: Command<O>): Command<O> {
  return command
}

/** Whether --help or -h is among the arguments: to be asked before parsing, which could fail. */
export function wantsHelp(args: readonly string[]): boolean {
  const end = args.indexOf('--')
  return (end === -1 ? args : args.slice(0, end)).some((arg) => arg === '--help' || arg === '-h')
}

/**
 * The values of all options of the command; of an option given more than once, the last.
 * @throws UsageError, one line, for the first thing that does not fit
 */
export function parseCommand<O extends OptionTable>(command: Command<O>, args: readonly string[]): Values<O> {
  const given = rawValues(command, args)
  checkExcludes(command, new Set(given.keys()))
  const values = Object.entries(command.options).map(([key, spec]) =>
    [key, valueOf(shownName(command, key), spec, given.get(key), command.name)])
  return Object.fromEntries(values) as Values<O>
}

/** The keys of the options that were typed. */
export function givenOptions<O extends OptionTable>(
  command: Command<O>, args: readonly string[],
): ReadonlySet<string> {
  return new Set(rawValues(command, args).keys())
}

// What was typed, by key.
function rawValues<O extends OptionTable>(
  command: Command<O>, args: readonly string[],
): Map<string, string | true> {
  const specs = new Map<string, [key: string, spec: Option]>()
  for (const [key, spec] of Object.entries(command.options)) specs.set(flagName(key), [key, spec])
  const given = new Map<string, string | true>()
  for (const token of tokens(specs, args)) {
    if (token.kind === 'positional' && command.operand !== undefined && !given.has(command.operand)) {
      given.set(command.operand, token.value)
      continue
    }
    if (token.kind === 'positional') {
      throw new UsageError(leftOver(command, printable(token.value)))
    }
    if (token.kind !== 'option') continue
    const found = specs.get(token.name)
    if (found === undefined || !token.rawName.startsWith('--')) {
      throw new UsageError(unknownOption(command.name, token.rawName, [...specs.keys()]))
    }
    given.set(found[0], rawValue(found[1], token))
  }
  return given
}

/** How an option is named to people: `--top-k`; the operand by what stands for it, `NAME`. */
export function shownName<O extends OptionTable>({ operand, options }: Command<O>, key: string): string {
  return key === operand ? options[key].value ?? key.toUpperCase() : `--${flagName(key)}`
}

/** `topK` -> `top-k` */
export function flagName(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

const leastOf = ({ type, min }: CountOption): number => (type === 'count' ? min ?? 1 : 0)

/** What a value must be, in words: also for --help. */
export function requirement(spec: Option): string {
  switch (spec.type) {
    case 'count': case 'countOrZero': {
      const least = leastOf(spec)
      if (spec.max === undefined) return `a whole number of ${least} or more`
      return `a whole number from ${least} to ${spec.max}`
    }
    case 'positive': return 'a positive number'
    case 'range': return `a number ${limitsInWords(spec)}`
    case 'choice': return `one of ${spec.choices.join(', ')}`
    case 'file': return 'the name of a file'
    case 'folder': return 'the name of a folder'
    case 'text': return 'text'
    case 'flag': return 'given without a value'
  }
}

interface OptionToken {
  name: string
  rawName: string
  value?: string | undefined
  inlineValue?: boolean | undefined
}

function tokens(specs: ReadonlyMap<string, [string, Option]>, args: readonly string[]) {
  const options = Object.fromEntries([...specs].map(([flag, [, spec]]) =>
    [flag, { type: spec.type === 'flag' ? 'boolean' as const : 'string' as const }]))
  // Not strict: its errors are several lines long, and it refuses --lr -1 before anyone can say what is
  // wrong.
  return parseArgs({ args: [...args], options, strict: false, allowPositionals: true, tokens: true }).tokens
}

// The value as it was typed; true for a flag.
function rawValue(spec: Option, { rawName, value, inlineValue }: OptionToken): string | true {
  if (spec.type === 'flag') {
    if (value !== undefined) throw new UsageError(`${rawName}: takes no value`)
    return true
  }
  if (value === undefined || (!inlineValue && value.startsWith('--'))) {
    const inline = `${rawName}=${printable(value ?? '')}`
    const other = value === undefined ? '' : `; one that begins with -- is written ${inline}`
    throw new UsageError(`${rawName}: needs a value: ${requirement(spec)}${other}`)
  }
  return value
}

function valueOf(
  flag: string, spec: Option, raw: string | true | undefined, command: string,
): string | number | boolean | undefined {
  if (spec.type === 'flag') return raw === true
  if (raw === undefined || raw === true) {
    if (spec.required) throw new UsageError(`${command}: ${flag} is needed: ${spec.help}`)
    return spec.default
  }
  const value = typed(spec, raw)
  if (value !== undefined) return value
  const near = spec.type === 'choice' ? nearest(raw, spec.choices) : undefined
  const hint = near === undefined ? '' : `; did you mean ${near}?`
  throw new UsageError(`${flag} ${printable(raw)}: must be ${requirement(spec)}${hint}`)
}

// The value, or undefined when it does not fit.
function typed(spec: Exclude<Option, FlagOption>, raw: string): string | number | undefined {
  switch (spec.type) {
    case 'text': return raw
    case 'file': case 'folder': return raw === '' || raw.includes('\0') ? undefined : raw
    case 'choice': return spec.choices.includes(raw) ? raw : undefined
  }
  const value = numberOf(raw)
  switch (spec.type) {
    case 'positive': return value > 0 ? value : undefined
    case 'range': return isWithin(spec, value) ? value : undefined
    default: {
      const least = leastOf(spec)
      const fits = Number.isSafeInteger(value) && value >= least && value <= (spec.max ?? Infinity)
      return fits ? value : undefined
    }
  }
}

// Number() alone would read '' as 0, and 0x10 and Infinity as numbers.
function numberOf(raw: string): number {
  const value = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(raw) ? Number(raw) : NaN
  return Number.isFinite(value) ? value : NaN
}

function isWithin({ from, above, to, below }: RangeOption, value: number): boolean {
  const high = value >= (from ?? -Infinity) && value > (above ?? -Infinity)
  return high && value <= (to ?? Infinity) && value < (below ?? Infinity)
}

/** `from -20 to 20`, `from 0 to below 1`, `above 0 and up to 1` */
function limitsInWords({ from, above, to, below }: RangeOption): string {
  if (from !== undefined) return to !== undefined ? `from ${from} to ${to}` : `from ${from} to below ${below}`
  return `above ${above} and ${to !== undefined ? `up to ${to}` : `below ${below}`}`
}

// Where a file or folder is needed, it is probably what was meant.
function leftOver<O extends OptionTable>({ name, options }: Command<O>, word: string): string {
  const meant = Object.keys(options).find((key) => {
    const { type, required } = options[key]
    return required && (type === 'file' || type === 'folder')
  })
  const remedy = meant ? `is it --${flagName(meant)} ${word}?` : 'options begin with --'
  return `${name}: ${word} is left over; ${remedy}`
}

function unknownOption(command: string, rawName: string, known: readonly string[]): string {
  const near = nearest(rawName.replace(/^-+/, ''), [...known, 'help'])
  const hint = near === undefined ? `; unrolled ${command} --help lists them` : `; did you mean --${near}?`
  return `${printable(rawName)}: is not an option of ${command}${hint}`
}

function checkExcludes<O extends OptionTable>(command: Command<O>, given: ReadonlySet<string>): void {
  for (const group of command.excludes ?? []) {
    const both = group.filter((key) => given.has(key))
    if (both.length < 2) continue
    const flags = (keys: readonly string[]): string => keys.map((key) => shownName(command, key)).join(', ')
    throw new UsageError(`${command.name}: ${flags(both)} exclude each other; give one of ${flags(group)}`)
  }
}
