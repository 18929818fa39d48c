// A page for a browser: one HTML file that needs no network and no script and follows the reader's light or
// dark setting. Titles, tables and figures take text as it came, and escape it. Read next: report.ts,
// lab-report.ts.

import type { Picture } from './picture.ts'
import { escapeText } from './svg.ts'

/** The page as an HTML document; all three parts are HTML already. */
export function page(title: string, inside: string, footer: string): string {
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${title}</h1>
${inside}
</main>
<footer>
<p>${footer}</p>
</footer>
</body>
</html>
`
}

export const text = (value: string | number | boolean): string => escapeText(String(value))

export function figureOf({ caption, svg }: Picture): string {
  return `<figure>\n${svg.trimEnd()}\n<figcaption>${text(caption)}</figcaption>\n</figure>`
}

export function table(rows: readonly [string, string][]): string {
  const lines = rows.map(([name, value]) =>
    `<tr><th scope="row">${text(name)}</th><td>${text(value)}</td></tr>`)
  return `<table>\n<tbody>\n${lines.join('\n')}\n</tbody>\n</table>`
}

export function section(title: string, inside: string): string {
  return `<section>\n<h2>${title}</h2>\n${inside}\n</section>`
}

const STYLE = `
:root { --ink: #1b1f24; --page: #ffffff; --quiet: #5b6169; --line: #d5d9de; --box: #f4f5f7 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e6e6; --page: #15171a; --quiet: #a3a9b1; --line: #3a3f46; --box: #1f2226 }
}
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.5 system-ui, sans-serif }
main, footer { max-width: 800px; margin: 0 auto; padding: 0 20px }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 1.5rem 0 1rem; overflow-wrap: anywhere }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem }
h3 { font-size: .95rem; margin: 1rem 0 .25rem; color: var(--quiet) }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; font-weight: normal; padding: .25rem .75rem .25rem 0; vertical-align: top;
  border-bottom: 1px solid var(--line); overflow-wrap: anywhere }
th { color: var(--quiet); width: 19rem }
th.narrow { width: auto }
figure { margin: 2rem 0; border: 1px solid var(--line); border-radius: 6px; overflow: hidden }
figure svg { display: block; width: 100%; height: auto }
figcaption { padding: .5rem .75rem .75rem; color: var(--quiet); font-size: .9rem }
pre { background: var(--box); border-radius: 6px; padding: .75rem; margin: .25rem 0 1rem;
  white-space: pre-wrap; overflow-wrap: anywhere; font-size: .875rem }
footer { color: var(--quiet); font-size: .85rem; padding-bottom: 2rem }
`
