// The table of all experiments: as Markdown for people, as JSON for programs. Read next: experiment.ts.

export interface Row {
  readonly name: string
  readonly shows: string
  readonly rule: string
  readonly source: string
  readonly seeds: readonly number[]
  /** medians over the seeds; none when it could not be run to its end */
  readonly measures: Readonly<Record<string, number>>
  readonly passed: boolean
  readonly seconds: number
  /** the picture's file, beside the table */
  readonly picture: string | undefined
}

/** `a=1 b=0.25`: six digits; all of them where it is a whole number. */
export function measuresOf(measures: Row['measures']): string {
  return Object.entries(measures).map(([name, value]) => `${name}=${brief(value)}`).join(' ')
}

const brief = (value: number): string =>
  String(Number.isInteger(value) ? value : Number(value.toPrecision(6)))

/** A row for each: the command, what it shows, the rule, what was measured. */
export function markdownTable(rows: readonly Row[]): string {
  const lines = rows.map(({ name, shows, rule, measures, source, passed }) => [
    `\`npx unrolled experiment ${name}\``, shows, rule,
    measuresOf(measures).split(' ').filter(Boolean).join('<br>'), source, passed ? 'pass' : '**fail**',
  ])
  const head = ['command', 'what it shows', 'rule', 'measured', 'source', '']
  return [head, head.map(() => '---'), ...lines]
    .map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`).join('')
}

/** What the table says, with all digits, the seeds and the time that each took. */
export function jsonTable(rows: readonly Row[], device: string): string {
  return `${JSON.stringify({ device, experiments: rows }, null, 2)}\n`
}
