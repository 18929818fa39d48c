// What --help prints: the table of options.ts in aligned columns, the defaults, and an example at the end.
// Read next: options.ts.

import { shownName } from './options.ts'
import type { Command, Option, OptionTable } from './options.ts'

const WIDTH = 96
const PLACEHOLDER: Readonly<Record<Option['type'], string>> = {
  count: 'N', countOrZero: 'N', positive: 'X', range: 'X',
  choice: 'NAME', file: 'FILE', folder: 'DIR', text: 'TEXT', flag: '',
}

/** The text that `unrolled NAME --help` prints, ending with a newline. */
export function helpText<O extends OptionTable>(command: Command<O>): string {
  const rows = Object.entries<Option>(command.options).map(([key, spec]) => {
    const value = key === command.operand ? '' : ` ${spec.value ?? PLACEHOLDER[spec.type]}`.trimEnd()
    return [`${shownName(command, key)}${value}`, explain(spec)]
  })
  rows.push(['--help', 'print this text'])
  const column = Math.max(...rows.map(([left]) => left.length)) + 4 // two spaces before, two after
  const lines = rows.map(([left, right]) => `  ${left}`.padEnd(column) + wrap(right, WIDTH - column, column))
  const groups = (command.excludes ?? []).map((group) =>
    `At most one of ${group.map((key) => shownName(command, key)).join(', ')}.`)
  return [
    `unrolled ${command.name}: ${command.summary}`, '',
    `Usage: npx unrolled ${command.name} ${command.usage ?? '[options]'}`, '',
    'Options:', ...lines, '',
    ...(groups.length > 0 ? [...groups, ''] : []),
    'Example:', `  ${command.example}`, '',
  ].join('\n')
}

function explain(spec: Option): string {
  const choices = spec.type === 'choice' ? `: ${spec.choices.join(', ')}` : ''
  const notes: string[] = []
  if (spec.required) notes.push('needed')
  if (spec.type !== 'flag' && spec.default !== undefined) {
    notes.push(`default ${spec.default === '' ? '""' : spec.default}`)
  }
  return `${spec.help}${choices}${notes.length > 0 ? ` (${notes.join(', ')})` : ''}`
}

// Lines of at most `width`, those after the first moved in by `indent`.
function wrap(text: string, width: number, indent: number): string {
  const lines = ['']
  for (const word of text.split(' ')) {
    const line = lines[lines.length - 1]
    if (line === '') lines[lines.length - 1] = word
    else if (line.length + 1 + word.length <= width) lines[lines.length - 1] = `${line} ${word}`
    else lines.push(word)
  }
  return lines.join(`\n${' '.repeat(indent)}`)
}
