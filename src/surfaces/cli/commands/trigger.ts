import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { App } from '../../../app.ts'
import { writeActionFiles } from '../../../compose/action.ts'
import { type Triggered, Triggers } from '../../../compose/trigger.ts'
import { actionEnvironment, webhookSecret } from '../../../config/actions.ts'
import { LoopwrightError } from '../../../core/errors.ts'
import type { Json } from '../../../core/json.ts'
import { oneLine, plainText } from '../../../core/plain.ts'
import { tickLines } from '../../../core/triage/text.ts'
import { type Io, note, print } from '../io.ts'
import { wrong } from '../problem.ts'
import { withApp } from '../session.ts'
import { exitOf, levelOf } from './triage.ts'

export interface TriggerFlags {
  readonly event?: string
  readonly payload?: string
  readonly listen?: boolean
  readonly port?: number
  readonly level?: string
  readonly label?: string
  readonly allow?: readonly string[]
  readonly agent?: string
  readonly dryRun?: boolean
  readonly json?: boolean
}

/** `loopwright trigger`: does what an event of GitHub asks for, or listens for such events. */
export async function trigger(io: Io, flags: TriggerFlags): Promise<number> {
  if (flags.listen) {
    if (flags.event !== undefined || flags.payload !== undefined) wrong('--listen takes its events from webhooks')
    return await listen(io, flags)
  }
  if (flags.port !== undefined) wrong('--port goes with --listen')
  const given = actionEnvironment(io.env)
  const [event, path] = [flags.event ?? given.event, flags.payload ?? given.payload]
  if (event === undefined) wrong('which event?', 'give --event NAME and --payload FILE, or --listen')
  if (path === undefined) wrong(`where is the payload of ${event}?`, 'give --payload FILE')
  const payload = await payloadOf(resolve(io.cwd, path))
  return await withApp(io, async (app) => {
    const triggers = triggersOf(app, io, flags)
    if (flags.dryRun) {
      print(io, JSON.stringify(await triggers.read(event, payload)))
      return 0
    }
    const done = await triggers.handle(event, payload)
    await writeActionFiles(io.env, done.result === undefined ? [] : [done.result])
    tell(io, done, flags.json === true)
    return done.result === undefined ? 0 : exitOf([done.result])
  })
}

async function listen(io: Io, flags: TriggerFlags): Promise<number> {
  const { serveWebhooks } = await import('../../http/webhook.ts')
  const secret = webhookSecret(io.env)
  const closing = new AbortController()
  const stopListening = io.onInterrupt((times) => {
    if (times > 1) io.exit(130)
    closing.abort()
  })
  try {
    await withApp(io, async (app) => {
      const triggers = triggersOf(app, io, flags, closing.signal)
      // The forge is found now, so that the first webhook need not wait for it.
      await triggers.read('ping', {})
      const door = {
        port: flags.port ?? 4181,
        secret,
        closing: closing.signal,
        warn: (message: string) => note(io, `loopwright: ${plainText(message)}`),
        wants: async (event: string, payload: Json) => {
          const asked = await triggers.read(event, payload)
          return asked.does === 'nothing' ? { ignored: asked.why } : { now: asked.does === 'stop' }
        },
        handle: async (event: string, payload: Json) =>
          tell(io, await triggers.handle(event, payload), flags.json === true),
      }
      await serveWebhooks(door, (url) => {
        print(io, url)
        note(io, 'webhooks of GitHub are taken here; content type application/json, secret LOOPWRIGHT_WEBHOOK_SECRET')
      })
    })
    return 0
  } finally {
    stopListening()
  }
}

function triggersOf(app: App, io: Io, flags: TriggerFlags, signal?: AbortSignal): Triggers {
  return new Triggers({
    app,
    env: io.env,
    level: levelOf(flags.level),
    label: flags.label,
    users: flags.allow,
    ...(flags.agent === undefined ? {} : { settings: { agent: flags.agent } }),
    ...(signal === undefined ? {} : { signal }),
  })
}

function tell(io: Io, done: Triggered, json: boolean): void {
  if (json) print(io, JSON.stringify(done))
  else {
    print(io, oneLine(done.does === 'nothing' ? `nothing to do: ${done.message}` : done.message, 300))
    if (done.result !== undefined) print(io, plainText(tickLines(done.result).join('\n')))
  }
}

async function payloadOf(path: string): Promise<Json> {
  const text = await readFile(path, 'utf8').catch(() => {
    throw new LoopwrightError('not_found', `${path}: there is no such file`)
  })
  try {
    return JSON.parse(text) as Json
  } catch {
    throw new LoopwrightError('bad_input', `${path}: this is not JSON`, { hint: 'it is the payload of the event' })
  }
}
