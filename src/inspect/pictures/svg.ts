// As much of a document as a plotting library needs to draw SVG where there is no browser: elements with
// attributes, text and children, written out as XML. Whatever text or name gets in is escaped on the way out.
// Read next: picture.ts.

export const SVG = 'http://www.w3.org/2000/svg'

// A hundredth of a pixel is enough, and keeps files small.
const PLACES = /^(d|transform|width|height|c?[xyr]|[xy][12])$/
const rounded = (value: string): string =>
  value.replace(/-?\d+\.\d{3,}/g, (n) => String(Number(Number(n).toFixed(2))))

/** A document that remembers its first element: what @observablehq/plot takes as `document`. */
export class SvgDocument {
  readonly documentElement: SvgElement
  /** the first element that was made on it */
  root: SvgElement | null = null

  constructor() {
    this.documentElement = new SvgElement('svg', this)
  }

  createElementNS(_namespace: string, name: string): SvgElement {
    const element = new SvgElement(name, this)
    this.root ??= element
    return element
  }
}

/** An element of an SVG picture; the methods are the DOM's own, as far as they are used. */
export class SvgElement {
  readonly namespaceURI = SVG
  readonly tagName: string
  readonly ownerDocument: SvgDocument
  readonly children: SvgElement[] = []
  private readonly attributes = new Map<string, string>()
  private text = ''

  constructor(tagName: string, ownerDocument: SvgDocument) {
    this.tagName = tagName
    this.ownerDocument = ownerDocument
  }

  setAttribute(name: string, value: unknown): void {
    this.attributes.set(name, PLACES.test(name) ? rounded(String(value)) : String(value))
  }

  getAttribute(name: string): string | null {
    return this.attributes.get(name) ?? null
  }

  hasAttribute(name: string): boolean {
    return this.attributes.has(name)
  }

  removeAttribute(name: string): void {
    this.attributes.delete(name)
  }

  appendChild(child: SvgElement): SvgElement {
    this.children.push(child)
    return child
  }

  insertBefore(child: SvgElement, before: SvgElement | null): SvgElement {
    const at = before === null ? -1 : this.children.indexOf(before)
    this.children.splice(at < 0 ? this.children.length : at, 0, child)
    return child
  }

  get textContent(): string {
    return this.text + this.children.map((child) => child.textContent).join('')
  }

  set textContent(text: string) {
    this.text = String(text)
    this.children.length = 0
  }

  /** The element as XML. */
  toString(): string {
    const attributes = [...this.attributes].map(([name, value]) => ` ${name}="${escapeText(value)}"`).join('')
    const inside = escapeText(this.text) + this.children.join('')
    return inside === '' ? `<${this.tagName}${attributes}/>` : `<${this.tagName}${attributes}>${inside}</${
      this.tagName}>`
  }
}

/** An element with its attributes and what stands in it: text or elements. */
export function element(
  name: string, attributes: Readonly<Record<string, string | number>>,
  inside: string | readonly SvgElement[] = [], owner = new SvgDocument(),
): SvgElement {
  const made = new SvgElement(name, owner)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
  if (typeof inside === 'string') made.textContent = inside
  else for (const child of inside) made.appendChild(child)
  return made
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;',
}

/**
 * Text as it may stand in HTML and XML, between tags or in quotes. Characters that XML does not know
 * (controls but tab and line ends, halves of a pair) become U+FFFD.
 */
export function escapeText(text: string): string {
  return text
    .replace(/[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '\ufffd')
    .replace(/[&<>"']/g, (character) => ESCAPES[character])
}
