import { testNotices } from '../../../compose/notify.ts'
import { notifyText } from '../../../config/notify.ts'
import { loadConfig } from '../../../config.ts'
import { oneLine } from '../../../core/plain.ts'
import { type Io, note, print, styleOf } from '../io.ts'

/** `loopwright notify`: who is told of what; with `--test`, whether it arrives. */
export async function notify(io: Io, flags: { readonly test?: boolean; readonly json?: boolean }): Promise<number> {
  const config = await loadConfig({ cwd: io.cwd, env: io.env })
  if (config.notify.length === 0) {
    if (flags.json) print(io, JSON.stringify({ notifiers: [] }))
    note(io, `nobody is told of anything: set notify in ${config.userFile}, or LOOPWRIGHT_SLACK_WEBHOOK`)
    return flags.test ? 1 : 0
  }
  if (!flags.test) {
    const facts = config.notify.map(({ name, kind, on, from, problem }) => ({ name, kind, on, from, problem }))
    if (flags.json) print(io, JSON.stringify({ notifiers: facts }))
    else for (const one of config.notify) print(io, notifyText(one))
    return 0
  }
  const told = await testNotices({ config, env: io.env })
  const style = styleOf(io.env, io.stdout)
  if (flags.json) print(io, JSON.stringify({ notifiers: told }))
  else {
    for (const { notifier, ok, error } of told) {
      print(io, ok ? `${style.green('✓')} ${notifier}` : `${style.red('✗')} ${notifier}: ${oneLine(error ?? '', 300)}`)
    }
  }
  return told.every(({ ok }) => ok) ? 0 : 1
}
