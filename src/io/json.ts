// What JSON.parse does not do for files that somebody else wrote: repeated keys, and two values compared.
// Read next: safetensors.ts.

/** A JSON object whose fields nobody has checked yet. */
export type JsonObject = { readonly [key: string]: unknown }

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * The first key that stands twice in one object, at any depth; null when there is none. JSON.parse keeps
 * the last of two and says nothing. `json` must be valid JSON.
 */
export function repeatedKey(json: string): string | null {
  const open: (Set<string> | null)[] = [] // the keys so far of each open object; null for an open list
  let at = 0
  while (at < json.length) {
    const symbol = json[at]
    if (symbol === '{') open.push(new Set())
    else if (symbol === '[') open.push(null)
    else if (symbol === '}' || symbol === ']') open.pop()
    if (symbol !== '"') {
      at++
      continue
    }
    const end = endOfString(json, at)
    const keys = open[open.length - 1]
    if (keys && isColonNext(json, end)) {
      const key = JSON.parse(json.slice(at, end)) as string
      if (keys.has(key)) return key
      keys.add(key)
    }
    at = end
  }
  return null
}

/** Path of the first place where two JSON values differ, such as `cell.hidden`; null when they are equal. */
export function firstDifference(a: unknown, b: unknown, path = ''): string | null {
  if (Array.isArray(a) !== Array.isArray(b)) return path
  if (!isContainer(a) || !isContainer(b)) return Object.is(a, b) ? null : path
  const left = new Map(Object.entries(a))
  const right = new Map(Object.entries(b))
  for (const key of new Set([...left.keys(), ...right.keys()])) {
    const inner = path === '' ? key : `${path}.${key}`
    if (left.has(key) !== right.has(key)) return inner
    const difference = firstDifference(left.get(key), right.get(key), inner)
    if (difference !== null) return difference
  }
  return null
}

function isContainer(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

// Just past the closing quote of the string that opens at `at`.
function endOfString(json: string, at: number): number {
  let end = at + 1
  while (json[end] !== '"') end += json[end] === '\\' ? 2 : 1
  return end + 1
}

function isColonNext(json: string, at: number): boolean {
  while (' \t\n\r'.includes(json[at] ?? ':')) at++
  return json[at] === ':'
}
