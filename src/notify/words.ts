import { plainText } from '../core/plain.ts'

/** A text of at most `max` UTF-16 units, safe to show, with `…` where something was cut off. No character is cut in half. */
export function shorten(text: string, max: number): string {
  const plain = plainText(text).trim()
  if (plain.length <= max) return plain
  const cut = plain.slice(0, Math.max(0, max - 1))
  return `${/[\uD800-\uDBFF]$/.test(cut) ? cut.slice(0, -1) : cut}…`
}

/** An address that may be shown as a link; undefined for anything but http and https. */
export function linkOf(url: string | undefined): string | undefined {
  if (url === undefined || url.length > 2000 || !URL.canParse(url)) return undefined
  const { protocol, href } = new URL(url)
  return protocol === 'https:' || protocol === 'http:' ? href : undefined
}
