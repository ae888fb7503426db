import type { Notice, Notifier } from '../core/triage/ports.ts'
import { post } from './post.ts'
import { linkOf, shorten } from './words.ts'

const colours: Readonly<Record<Notice['kind'], number>> = {
  escalation: 0xf2a33c,
  halted: 0xf2a33c,
  failed: 0xd64545,
  proposed: 0x3c82f2,
  merged: 0x3ca66b,
  reported: 0x8a8f98,
  test: 0x8a8f98,
}

/** Tells a Discord channel by a webhook. Nobody is mentioned, whatever the texts say, and what others wrote has no markup. */
export function discordNotifier(name: string, url: URL): Notifier {
  return {
    name,
    notify: (notice, { signal }) => post({ url, body: JSON.stringify(messageOf(notice)), signal }),
  }
}

function messageOf(notice: Notice): object {
  const link = linkOf(notice.url)
  const commands = (notice.commands ?? []).map((one) => shorten(one, 200).replaceAll('`', "'"))
  const facts = [...(notice.pattern ? [notice.pattern] : []), ...(notice.run ? [`run ${notice.run}`] : [])]
  const description = shorten(escaped(shorten(notice.text, 1800)), 3900)
  return {
    allowed_mentions: { parse: [] },
    embeds: [
      {
        title: shorten(escaped(shorten(notice.title, 120)), 250),
        color: colours[notice.kind],
        ...(description === '' ? {} : { description }),
        ...(link === undefined ? {} : { url: link }),
        ...(commands.length === 0
          ? {}
          : { fields: [{ name: 'What to type', value: `\`\`\`\n${shorten(commands.join('\n'), 900)}\n\`\`\`` }] }),
        footer: { text: shorten(['loopwright', notice.kind, ...facts].join(' · '), 300) },
      },
    ],
  }
}

/** What Discord would read as markup, a link or a mention, as the characters they are. */
function escaped(text: string): string {
  return text.replace(/[\\*_~`|<>[\]()#@:-]/g, (one) => `\\${one}`)
}
