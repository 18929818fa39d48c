// Bytes to text. UTF-8 is the only encoding; other bytes are an error that says where, never a guess.
//
//   0xxxxxxx   110xxxxx 10xxxxxx   1110xxxx 10xxxxxx 10xxxxxx   11110xxx 10xxxxxx 10xxxxxx 10xxxxxx
//
// No overlong forms, no surrogates, nothing above U+10FFFF (RFC 3629). Read next: text.ts.

import { UnrolledError } from '../check.ts'

/**
 * The text of a file's bytes, without the byte order mark that some editors put first.
 * @param source the file's name: begins the error's line
 * @throws UnrolledError when it is empty, or naming the offset of the first byte that is not UTF-8
 */
export function textOf(bytes: Uint8Array, source: string): string {
  const bad = firstBadByte(bytes)
  if (bad !== -1) {
    const value = bytes[bad].toString(16).toUpperCase().padStart(2, '0')
    throw new UnrolledError(`${source}: is not UTF-8 text; the first byte that does not fit is 0x${value} ` +
      `at offset ${bad}`)
  }
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes) // it drops the byte order mark
  } catch {
    throw new UnrolledError(`${source}: is too long; ${bytes.length} bytes do not fit in one string`)
  }
  if (text === '') throw new UnrolledError(`${source}: is empty`)
  return text
}

/** Offset of the first byte of the first sequence that is not UTF-8; -1 when all of it is. */
export function firstBadByte(bytes: Uint8Array): number {
  let at = 0
  while (at < bytes.length) {
    const length = sequenceLength(bytes, at)
    if (length === 0) return at
    at += length
  }
  return -1
}

// Length of the well-formed sequence at `at` (Unicode standard, table 3-7); 0 when there is none.
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at]
  if (first < 0x80) return 1
  if (first < 0xc2 || first > 0xf4) return 0 // a stray continuation, an overlong form, or above U+10FFFF
  const length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
  if (at + length > bytes.length) return 0
  const second = bytes[at + 1]
  const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80 // overlong forms below
  const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf // surrogates, or too large, above
  if (second < low || second > high) return 0
  for (let i = 2; i < length; i++) {
    if ((bytes[at + i] & 0xc0) !== 0x80) return 0
  }
  return length
}
