// A strict reader of XML, and of HTML that closes its tags, for looking into pictures and reports.

import * as assert from 'uvu/assert'

export interface XmlElement {
  readonly name: string
  readonly attributes: ReadonlyMap<string, string>
  readonly children: XmlElement[]
  readonly parent: XmlElement | null
  /** its own text and that of all in it */
  text: string
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" }

function decode(text: string): string {
  assert.not.match(text, /[<>]/)
  assert.not.match(text, /&(?!(amp|lt|gt|quot|#39);)/)
  return text.replace(/&(.+?);/g, (_, name: string) => ENTITIES[name])
}

/** Reads a document; fails where it is not well formed. @param voids elements that have no end */
export function parseXml(source: string, voids: readonly string[] = []): XmlElement {
  const make = (name: string, parent: XmlElement | null, attributes: XmlElement['attributes']): XmlElement =>
    ({ name, attributes, children: [], parent, text: '' })
  const top = make('', null, new Map())
  let at = top
  const say = (text: string): void => {
    for (let e: XmlElement | null = at; e; e = e.parent) e.text += text
  }
  for (const [piece] of source.matchAll(/<[^>]*>|[^<]+/g)) {
    const tag = /^<(\/?)([A-Za-z][\w-]*)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>$/.exec(piece)
    if (!tag) {
      if (piece.startsWith('<')) assert.match(piece, /^<!DOCTYPE html>$/)
      else say(at.name === 'style' ? piece : decode(piece))
      continue
    }
    const [, closes, name, written, empty] = tag
    if (closes) {
      assert.is(name, at.name, `</${name}> ends <${at.name}>`)
      at = at.parent ?? top
      continue
    }
    const attributes = new Map<string, string>()
    for (const [, key, value] of written.matchAll(/([\w:-]+)="([^"]*)"/g)) {
      assert.not(attributes.has(key), `${key} twice`)
      attributes.set(key, decode(value))
    }
    const element = make(name, at, attributes)
    at.children.push(element)
    if (!empty && !voids.includes(name)) at = element
  }
  assert.is(at, top, `<${at.name}> has no end`)
  assert.is(top.children.length, 1)
  return top.children[0]
}

/** All elements below, depth first. */
export function all(
  element: XmlElement, wanted: (element: XmlElement) => boolean = () => true,
): XmlElement[] {
  return element.children.flatMap((child) => [...(wanted(child) ? [child] : []), ...all(child, wanted)])
}

export const named = (element: XmlElement, name: string): XmlElement[] => all(element, (e) => e.name === name)

/** How far an element is moved by its own and all outer transforms. */
export function moved(element: XmlElement | null): [x: number, y: number] {
  if (!element) return [0, 0]
  const [x, y] = moved(element.parent)
  const own = /^translate\((-?[\d.]+),(-?[\d.]+)\)$/.exec(element.attributes.get('transform') ?? '')
  return own ? [x + Number(own[1]), y + Number(own[2])] : [x, y]
}
