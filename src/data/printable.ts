// Text that came from outside (a file, the command line), made fit for one line of an error message.
// Everything else on this floor quotes names, paths and characters through here, so that a newline or a
// terminal's control sequence in a file name cannot break the promise "one clear line".
// Read next: text.ts.

const PLAIN = /^[\p{L}\p{M}\p{N}\p{P}\p{S}]+(?: [\p{L}\p{M}\p{N}\p{P}\p{S}]+)*$/u
const UNSAFE = /[\p{C}\p{Zl}\p{Zp}]/gu
const LONGEST = 120

/**
 * The text as it is when it is printable (single spaces between words are), else quoted as JSON does it with
 * control characters escaped; cut after 120 characters.
 */
export function printable(text: string): string {
  const short = text.length > LONGEST ? `${text.slice(0, LONGEST)}...` : text
  return PLAIN.test(short) ? short : JSON.stringify(short).replace(UNSAFE, escapeUnit)
}

/** A line of ours that may quote names from outside: their control characters escaped. */
export function oneLine(line: string): string {
  return line.replace(UNSAFE, escapeUnit)
}

/** `U+00E9`, the way Unicode writes a code point. */
export function codePointName(symbol: string): string {
  return `U+${(symbol.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`
}

function escapeUnit(symbol: string): string {
  const units = symbol.split('') // two when the code point is above U+FFFF
  return units.map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')
}
