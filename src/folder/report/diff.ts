import { type Content, type Html, html } from './html.ts'

const mostFiles = 300
const mostLines = 8000

/** A unified diff, a file each collapsed; `cut` says that it is not all. */
export function diffView(diff: string, cut: boolean): Html {
  const files = diff.split(/^(?=diff --git )/m).filter((part) => part.trim() !== '')
  let left = mostLines
  const shown = files.slice(0, mostFiles).map((file) => {
    const lines = file.replace(/\n$/, '').split('\n')
    const part = lines.slice(0, Math.max(0, left))
    left -= part.length
    return fileView(lines, part)
  })
  const less = cut || files.length > mostFiles || left <= 0
  return html`${shown}${less && html`<p class="quiet">The diff is longer than what is shown here; the branch has all of it.</p>`}`
}

function fileView(lines: readonly string[], shown: readonly string[]): Html {
  const added = lines.filter((line) => line.startsWith('+') && !line.startsWith('+++')).length
  const removed = lines.filter((line) => line.startsWith('-') && !line.startsWith('---')).length
  const name = /^diff --git a\/.* b\/(.*)$/.exec(lines[0] ?? '')?.[1] ?? lines[0] ?? ''
  return html`<details class="file"><summary><code>${name.slice(0, 300)}</code><span class="counts"><span class="plus">+${added}</span> <span class="minus">−${removed}</span></span></summary>
<pre class="diff">${shown.map(lineView)}${shown.length < lines.length && '…'}</pre></details>`
}

function lineView(line: string): Content {
  const text = line.length > 1000 ? `${line.slice(0, 1000)}…` : line
  if (line.startsWith('@@')) return html`<span class="hunk">${text}</span>`
  if (line.startsWith('+') && !line.startsWith('+++')) return html`<span class="plus">${text}</span>`
  if (line.startsWith('-') && !line.startsWith('---')) return html`<span class="minus">${text}</span>`
  if (/^(?:diff|index|---|\+\+\+|new file|deleted file|similarity|rename)/.test(line))
    return html`<span class="quiet">${text}</span>`
  return html`<span>${text}</span>`
}
