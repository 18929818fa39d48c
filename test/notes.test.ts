// The book and the README: every snippet type-checks, runs, and prints what the page says; every file that
// they name exists.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { existsSync, readFileSync } from 'node:fs'
import {
  blocksOf, bundleSnippets, cleanUp, isChecked, runSnippet, snippetsOf, typeErrors, writeSnippets,
} from './snippets.ts'

const pages = ['NOTES.md', 'README.md']
const snippets = pages.flatMap((page) => snippetsOf(page))
const files = writeSnippets(snippets)

const test = suite('notes')
test.after(cleanUp)

for (const page of pages) {
  test(`${page} has snippets, and each proves something`, () => {
    const own = snippets.filter(({ place }) => place.startsWith(page))
    assert.ok(own.length > 0, `${page} has no block of TypeScript`)
    const idle = own.filter((snippet) => !isChecked(snippet)).map(({ place }) => place)
    assert.equal(idle, [], 'a snippet needs a ```text block after it, or an assertion')
  })

  test(`${page}: every file that it names exists`, () => {
    const text = readFileSync(page, 'utf8')
    const named = text.match(/\b(src|test|bench)\/[\w./-]*\w\/?/g) ?? []
    assert.ok(named.length > 0)
    assert.equal([...new Set(named)].filter((path) => !existsSync(path)), [])
  })
}

test('the chapters are numbered in order, each with its code and its proof', () => {
  const [, ...chapters] = readFileSync('NOTES.md', 'utf8').split(/^## (?=\d)/m)
  assert.equal(chapters.map((text) => parseInt(text, 10)), chapters.map((_, i) => i + 1))
  const titleOf = (text: string) => text.split('\n')[0]
  const lacking = (part: RegExp) => chapters.filter((text) => !part.test(text)).map(titleOf)
  assert.equal(lacking(/^\*\*In the code\.\*\* /m), [])
  assert.equal(lacking(/^\*\*The proof\.\*\* /m), [])
})

test('the snippets type-check', () => {
  assert.is(typeErrors(files), '')
})

test('the snippets can be bundled', () => {
  assert.is(bundleSnippets(files), '')
})

snippets.forEach(({ place, output }, i) => {
  test(`${place} runs${output === undefined ? '' : ' and prints what the page says'}`, () => {
    const printed = runSnippet(files[i])
    if (output !== undefined) assert.fixture(withoutTrailingSpace(printed), withoutTrailingSpace(output))
  })
})

function withoutTrailingSpace(text: string): string {
  return text.replace(/[ \t]+$/gm, '')
}

test('this test can say no', () => {
  const page = "```ts\nconst x = 1\n```\n\n```text\n1\n```\n\n```ts\nlet y\n```\n\n```\n1 = 1\n```\n"
  const [shown, idle] = snippetsOf('PAGE.md', page)
  assert.is(shown.code, 'const x = 1\n')
  assert.is(shown.output, '1\n')
  assert.ok(isChecked(shown))
  assert.is(idle.place, 'PAGE.md:10')
  assert.is(idle.output, undefined)
  assert.not(isChecked(idle))
  assert.throws(() => blocksOf('```ts\nlet x'), /not closed/)
})

test.run()
