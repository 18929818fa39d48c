// "Did you mean": the known name that is fewest slips of the hand away from what was typed; and options whose
// names or values nobody knows are refused with it, since plain JavaScript would pass over them in silence.
// Next: check.ts, for how errors are worded.

import { checkThat, describe, UnrolledError } from './check.ts'

/** Slips (a letter too many, too few, another one, or two swapped) between two words. */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j) // distances of a[0 ... i) to each b[0 ... j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      row[j] = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1))
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (swapped) row[j] = Math.min(row[j], beforeLast[j - 2] + 1)
    }
    beforeLast = last
    last = row
  }
  return last[b.length]
}

/**
 * The name that was probably meant: the nearest one within a third of its letters (at least one), else the
 * first that begins with what was typed, or that it begins with; undefined when nothing is near. Capitals
 * do not count.
 */
export function nearest(typed: string, names: readonly string[]): string | undefined {
  const word = typed.slice(0, 40).toLowerCase()
  let best: string | undefined
  let bestDistance = Infinity
  for (const name of names) {
    const distance = editDistance(word, name.toLowerCase())
    const allowed = Math.max(1, Math.floor(Math.max(name.length, word.length) / 3))
    if (distance <= allowed && distance < Math.min(bestDistance, name.length)) {
      best = name
      bestDistance = distance
    }
  }
  const shares = (a: string, b: string): boolean => b.length > 2 && a.startsWith(b)
  return best ?? names.find((name) => shares(name.toLowerCase(), word) || shares(word, name.toLowerCase()))
}

/**
 * Throws an UnrolledError for an option that `op` does not take, with the nearest that it does; and when
 * there are no options at all.
 * @param known every option that it takes, and none that its type does not have
 */
export function checkOptionNames<O extends object>(
  op: string, options: O, known: readonly (keyof O & string)[],
): void {
  checkThat(typeof options === 'object' && options !== null && !Array.isArray(options), () =>
    `${op}: its options are ${describe(options)}; they must be an object with some of ${known.join(', ')}`)
  for (const name of Object.keys(options)) {
    if (known.some((other) => other === name)) continue
    const meant = nearest(name, known)
    throw new UnrolledError(`${op}: there is no option ${name}; ` +
      (meant ? `did you mean ${meant}?` : `it takes ${known.join(', ')}`))
  }
}

/** Throws an UnrolledError unless `value` is a word that `what` may be; with the one probably meant. */
export function checkChoice<C extends string>(what: string, value: C, choices: readonly C[]): void {
  if (choices.includes(value)) return
  const meant = typeof value === 'string' ? nearest(value, choices) : undefined
  const all = `${choices.slice(0, -1).join(', ')} or ${choices[choices.length - 1]}`
  throw new UnrolledError(`${what} is ${String(value)}; ` +
    (meant ? `did you mean ${meant}?` : `it must be ${all}`))
}
