import type { Notice, Notifier } from '../core/triage/ports.ts'
import { post } from './post.ts'
import { linkOf, shorten } from './words.ts'

/** Tells a Slack channel by an incoming webhook. What others wrote is shown as plain text: it can neither mention people nor hide a link. */
export function slackNotifier(name: string, url: URL): Notifier {
  return {
    name,
    notify: (notice, { signal }) => post({ url, body: JSON.stringify(messageOf(notice)), signal }),
  }
}

function messageOf(notice: Notice): object {
  const text = shorten(notice.text, 2900)
  const link = linkOf(notice.url)
  const commands = (notice.commands ?? []).map((one) => shorten(one, 300))
  return {
    // What a phone shows before the message is opened.
    text: escaped(shorten(notice.title, 300)),
    unfurl_links: false,
    unfurl_media: false,
    blocks: [
      { type: 'header', text: plain(shorten(notice.title, 150) || 'loopwright') },
      ...(text === '' ? [] : [{ type: 'section', text: plain(text) }]),
      ...(commands.length === 0 ? [] : [{ type: 'section', text: mrkdwn(code(commands)) }]),
      ...(link === undefined ? [] : [{ type: 'section', text: mrkdwn(`<${bare(link)}|Look at it>`) }]),
      { type: 'context', elements: [plain(footOf(notice))] },
    ],
  }
}

function footOf({ kind, pattern, run }: Notice): string {
  return shorten(['loopwright', kind, ...(pattern ? [pattern] : []), ...(run ? [`run ${run}`] : [])].join(' · '), 300)
}

function plain(text: string): object {
  return { type: 'plain_text', text, emoji: false }
}

function mrkdwn(text: string): object {
  return { type: 'mrkdwn', text, verbatim: true }
}

function code(lines: readonly string[]): string {
  return `\`\`\`\n${escaped(lines.join('\n')).replaceAll('`', "'").slice(0, 2900)}\n\`\`\``
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

/** A link as Slack writes it ends at `|` and `>`. */
function bare(link: string): string {
  return escaped(link.replaceAll('|', '%7C').replaceAll('>', '%3E').replaceAll('<', '%3C'))
}
