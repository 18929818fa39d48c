// What the tests of bad input share.

import * as assert from 'uvu/assert'

import { UnrolledError } from '../src/check.ts'

/** The message of the UnrolledError that `run` throws; it must be one line. */
export function message(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    assert.instance(error, UnrolledError)
    const text = (error as UnrolledError).message
    assert.not.match(text, /[\n\r]/)
    return text
  }
  throw new Error('nothing was thrown')
}
