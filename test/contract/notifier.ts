import { expect, test } from 'vitest'
import type { Notice, Notifier } from '../../src/core/triage/ports.ts'
import { DeliveryFailure } from '../../src/notify/failure.ts'

/** How the other side behaves. */
export type Mood = 'takes it' | 'refuses it' | 'is out of order' | 'is silent' | 'is not there'

/** A notifier with what it tells, as a test sees it. */
export interface NotifierScene extends AsyncDisposable {
  readonly notifier: Notifier
  /** All that arrived, as one text. */
  arrived(): string
}

/** What people write who mean no good: markup, mentions, escapes, flags, halves of characters, a lot of it. */
const hostile = `--urgency=low @everyone <!channel> <@U1> [free](https://evil.example) <b>bold</b> \u001B]8;;x\u0007 ${'😀'.repeat(3000)} \uD800`

export const notice: Notice = {
  kind: 'escalation',
  title: 'CI Sweeper asks: may src/pay.ts change?',
  text: 'The denylist names it.\nBranch loopwright/20260101-000000-abcdef',
  pattern: 'ci-sweeper',
  run: '20260101-000000-abcdef',
  url: 'https://github.example/acme/shop/pull/7',
  commands: ['loopwright approve 20260101-000000-abcdef', 'loopwright deny 20260101-000000-abcdef'],
}

const never = new AbortController().signal

/** What every notifier keeps, whomever it tells. `moods`: what can happen on the other side. */
export function notifierContract(
  name: string,
  open: (mood: Mood) => Promise<NotifierScene>,
  moods: readonly Mood[],
): void {
  test(`${name}: a notice arrives with its title, its text and what to type`, async () => {
    await using scene = await open('takes it')
    await scene.notifier.notify(notice, { signal: never })
    const all = scene.arrived().replaceAll('\\\\', '')
    for (const part of ['CI Sweeper asks', 'The denylist names it.', `loopwright approve ${notice.run}`]) {
      expect(all).toContain(part)
    }
  })

  test(`${name}: a notice of nothing but a title arrives too`, async () => {
    await using scene = await open('takes it')
    await scene.notifier.notify({ kind: 'test', title: 'hello', text: '' }, { signal: never })
    expect(scene.arrived()).toContain('hello')
  })

  test(`${name}: hostile and endless text arrives, cut and harmless`, async () => {
    await using scene = await open('takes it')
    const evil = { ...notice, title: hostile, text: hostile, url: 'javascript:alert(1)', commands: [hostile] }
    await scene.notifier.notify(evil, { signal: never })
    const all = scene.arrived()
    expect(all.length).toBeGreaterThan(10)
    expect(all).not.toContain('\u001B')
    expect(all.isWellFormed()).toBe(true)
  })

  for (const mood of moods) {
    test(`${name}: when the other side ${mood}, it rejects with a failure that says whether to try again, and no address`, async () => {
      await using scene = await open(mood)
      const signal = mood === 'is silent' ? AbortSignal.timeout(200) : never
      const failure: unknown = await scene.notifier.notify(notice, { signal }).then(
        () => 'no failure',
        (error: unknown) => error,
      )
      expect(failure).toBeInstanceOf(DeliveryFailure)
      if (!(failure instanceof DeliveryFailure)) return
      expect(failure.message).not.toMatch(/secret|127\.0\.0\.1|http/)
      if (mood === 'refuses it') expect(failure.again).toBe(false)
      if (mood === 'is out of order' || mood === 'is silent') expect(failure.again).toBe(true)
    })
  }
}
