import { systemClock } from '../clock.ts'
import type { NotifySetting } from '../config/notify.ts'
import type { Config } from '../config.ts'
import type { Clock } from '../core/ports.ts'
import { createRedact } from '../core/redact.ts'
import type { Notice, Notifier } from '../core/triage/ports.ts'
import { Deliveries, type DeliveryLimits, type Told } from '../notify/deliver.ts'
import { desktopNotifier } from '../notify/desktop.ts'
import { discordNotifier } from '../notify/discord.ts'
import { slackNotifier } from '../notify/slack.ts'
import { webhookNotifier } from '../notify/webhook.ts'
import { commandRunner } from '../process/command.ts'

export interface NoticesOptions {
  readonly config: Config
  /** What a command that shows notices gets. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Hears of notices that did not arrive. */
  readonly warn?: (message: string) => void
  readonly clock?: Clock
  readonly limits?: Partial<DeliveryLimits>
}

/** All that the configuration wants told, ready to be told. `settle` before the process ends, then `close`. */
export function noticesFor(options: NoticesOptions): Deliveries {
  const { config, warn = () => {}, clock = systemClock, limits = {} } = options
  for (const { name, problem } of config.notify) if (problem !== undefined) warn(`notify: ${name}: ${problem}`)
  return new Deliveries({
    channels: config.notify
      .filter(({ problem }) => problem === undefined)
      .map((setting) => ({ notifier: notifierOf(setting, options, clock), on: setting.on })),
    clock,
    redact: createRedact({ values: [...config.secrets] }),
    warn,
    limits,
  })
}

const testNotice: Notice = {
  kind: 'test',
  title: 'This is a test of loopwright',
  text: 'Notices arrive here. Nothing has to be done.',
}

/** Sends a notice that says it is a test to each, once, and answers what became of it, in the order of the configuration. */
export async function testNotices(options: Omit<NoticesOptions, 'warn'>): Promise<Told[]> {
  const notices = noticesFor({ ...options, limits: { tries: 1, ...options.limits } })
  try {
    const told = await notices.tellNow(testNotice)
    return options.config.notify.map(({ name, problem }) => {
      const done = told.find(({ notifier }) => notifier === name)
      return done ?? { notifier: name, ok: false, tries: 0, error: problem ?? 'nobody told it' }
    })
  } finally {
    notices.close()
  }
}

function notifierOf(setting: NotifySetting, { config, env }: NoticesOptions, clock: Clock): Notifier {
  const { kind, name, url, secret } = setting
  if (kind === 'desktop' || url === undefined) {
    const given = Object.entries(env).filter((one): one is [string, string] => one[1] !== undefined)
    const run = commandRunner(Object.fromEntries(given))
    return desktopNotifier(name, { platform: process.platform, run, cwd: config.userHome })
  }
  if (kind === 'slack') return slackNotifier(name, url)
  if (kind === 'discord') return discordNotifier(name, url)
  return webhookNotifier(name, { url, secret, clock })
}
