// npx unrolled gradcheck: every op and every cell against finite differences, in float64, as a table.

import { defineCommand, type Values } from './options.ts'

export const gradcheckCommand = defineCommand({
  name: 'gradcheck',
  summary: 'check the gradients of every op and cell against finite differences',
  options: {
    op: { type: 'text', value: 'NAME', help: 'only this op' },
    cell: { type: 'text', value: 'NAME', help: 'only this cell' },
  },
  excludes: [['op', 'cell']],
  example: 'npx unrolled gradcheck --cell lstm',
})

export async function runGradcheck(_options: Values<typeof gradcheckCommand.options>): Promise<number> {
  return 0
}
