import { plainText } from '../../core/plain.ts'

/** A piece of HTML that is safe to put into a page. Only `html` and `rawHtml` make one. */
export class Html {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** What a template may hold. What is no HTML is escaped; nothing stands for undefined, null and false. */
export type Content = Html | string | number | false | null | undefined | readonly Content[]

/** A template whose values are escaped, in text and in quoted attributes alike. Control and direction characters are taken out. */
export function html(strings: TemplateStringsArray, ...values: readonly Content[]): Html {
  return new Html(strings.reduce((text, string, at) => text + render(values[at - 1]) + string))
}

/** HTML that is our own. Never for anything from outside. */
export function rawHtml(text: string): Html {
  return new Html(text)
}

function render(content: Content): string {
  if (content === undefined || content === null || content === false) return ''
  if (content instanceof Html) return content.text
  if (typeof content === 'number') return String(content)
  if (typeof content === 'string') return escapeHtml(content)
  return content.map(render).join('')
}

/** Text as it may stand in HTML and in its quoted attributes. */
function escapeHtml(text: string): string {
  return plainText(text).replace(/[&<>"'`]/g, (character) => `&#${character.charCodeAt(0)};`)
}
