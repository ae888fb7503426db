import type { RunCommand } from '../core/ports.ts'
import type { Notice, Notifier } from '../core/triage/ports.ts'
import { DeliveryFailure } from './failure.ts'
import { shorten } from './words.ts'

export interface DesktopOptions {
  /** As `process.platform` says it. */
  readonly platform: string
  readonly run: RunCommand
  readonly cwd: string
}

/** Tells whoever sits at this machine: by notify-send, on macOS by osascript. Texts are arguments, never part of a script. */
export function desktopNotifier(name: string, { platform, run, cwd }: DesktopOptions): Notifier {
  return {
    name,
    async notify(notice, { signal }) {
      const argv = commandFor(platform, notice)
      if (argv === undefined) throw new DeliveryFailure(`there is no way to on ${platform}`, { again: false })
      const [tool = ''] = argv
      const result = await run({ argv }, { cwd, signal, timeoutMs: 10_000, tailChars: 400 })
      if (result.exitCode === 0) return
      const why = /not found|ENOENT/i.test(result.error ?? '')
        ? `${tool} is not installed`
        : `${tool} failed: ${shorten(result.error ?? (result.stderr || `exit ${result.exitCode}`), 200)}`
      throw new DeliveryFailure(why, { again: false })
    },
  }
}

/** Each line is one statement of the script, which takes what it shows from its arguments. */
const appleScript = ['on run argv', 'display notification (item 2 of argv) with title (item 1 of argv)', 'end run']

function commandFor(platform: string, notice: Notice): readonly string[] | undefined {
  // A title that began with a dash would be a flag.
  const title = shorten(`loopwright: ${shorten(notice.title, 150)}`, 180)
  const text = [shorten(notice.text, 500), ...(notice.commands ?? []).map((one) => shorten(one, 200))].join('\n').trim()
  if (platform === 'darwin') {
    return ['osascript', ...appleScript.flatMap((line) => ['-e', line]), title, text]
  }
  if (platform === 'win32') return undefined
  const urgency = notice.kind === 'escalation' || notice.kind === 'failed' ? 'critical' : 'normal'
  return ['notify-send', '--app-name=loopwright', `--urgency=${urgency}`, '--', escaped(title), escaped(text)]
}

/** Notification servers read markup. */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
