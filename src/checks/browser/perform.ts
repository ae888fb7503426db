import { setTimeout as sleep } from 'node:timers/promises'
import type { Locator, Page } from 'playwright-core'
import { type BrowserExpectation, type BrowserStep, describeStep } from '../../core/browser.ts'
import { messageOf } from '../../core/errors.ts'
import { oneLine, plainText } from '../../core/plain.ts'
import { within } from '../../process/within.ts'
import { shortUrl } from './findings.ts'

/** How long a step may take that does not wait for something slow. */
const stepMs = 10_000
/** How long the rest of a page may go on loading once its text is there. */
const loadMs = 5000

/** Where the play stands. */
export interface Stage {
  readonly page: Page
  /** What relative addresses are relative to. */
  readonly base: string | undefined
  /** How long a server may refuse connections before it listens, in milliseconds. */
  readonly patienceMs: number
  /** Milliseconds left for the whole play. */
  readonly left: () => number
  readonly picture: (name: string) => Promise<void>
}

/** Does one step; throws an error that says in one line why it cannot be done. */
export async function perform(step: BrowserStep, stage: Stage): Promise<void> {
  const { page } = stage
  const timeout = Math.max(1, Math.min(stepMs, stage.left()))
  if ('open' in step) return await open(step.open, stage)
  if ('screenshot' in step) return await stage.picture(step.screenshot)
  if ('expect' in step) return await expectSeen(page, step, timeout)
  try {
    if ('click' in step) await page.locator(step.click).click({ timeout })
    else if ('type' in step) await page.locator(step.type.selector).fill(step.type.text, { timeout })
    else if ('press' in step) await page.keyboard.press(step.press)
    else
      await page
        .locator(step.wait)
        .filter({ visible: true })
        .first()
        .waitFor({ timeout: Math.max(1, stage.left()) })
  } catch (error) {
    throw new Error(`cannot ${describeStep(step)}: ${explain(error)}`)
  }
}

/** The address an `open` means; throws for one that is none, or of a kind that is not opened. */
export function addressOf(open: string, base: string | undefined): string {
  if (!URL.canParse(open, base)) {
    const why = base === undefined ? 'is not a whole URL, and the play has no `url`' : `is not a URL below ${base}`
    throw new Error(`cannot open ${oneLine(open)}: it ${why}`)
  }
  const url = new URL(open, base)
  if (['http:', 'https:', 'file:'].includes(url.protocol) || url.href === 'about:blank') return url.href
  throw new Error(`cannot open ${oneLine(open)}: only http, https and file addresses are opened`)
}

async function open(address: string, { page, base, patienceMs, left }: Stage): Promise<void> {
  const url = addressOf(address, base)
  const patience = performance.now() + patienceMs
  for (;;) {
    try {
      await page.goto(url, { waitUntil: 'domcontentloaded', timeout: Math.max(1, left()) })
      break
    } catch (error) {
      const said = messageOf(error)
      // A server that is just starting.
      if (said.includes('ERR_CONNECTION_REFUSED') && performance.now() < patience && left() > 500) {
        await sleep(200)
        continue
      }
      const hint = said.includes('ERR_CONNECTION_REFUSED') ? ' (is the server running?)' : ''
      throw new Error(`cannot open ${shortUrl(url)}: ${explain(error).replace(` at ${url}`, '')}${hint}`)
    }
  }
  await page.waitForLoadState('load', { timeout: Math.max(1, Math.min(loadMs, left())) }).catch(() => undefined)
}

async function expectSeen(page: Page, step: { readonly expect: BrowserExpectation }, timeout: number): Promise<void> {
  const until = performance.now() + timeout
  let saw = 'the page did not answer'
  do {
    try {
      const left = Math.max(1, until - performance.now())
      const seen = await within(look(page, step.expect), left)
      if (seen === true) return
      if (seen !== undefined) saw = seen
    } catch (error) {
      // It may be on its way to another page.
      saw = explain(error)
      if (/Unexpected token|Unknown engine|not a valid selector|while parsing/i.test(saw)) break
    }
    await sleep(Math.max(0, Math.min(100, until - performance.now())))
  } while (performance.now() < until)
  throw new Error(`expected ${describeStep(step).slice('expect '.length)}, but ${saw}`)
}

/** True, or what is seen instead. */
async function look(page: Page, expected: BrowserExpectation): Promise<true | string> {
  if ('visible' in expected) {
    if ((await page.locator(expected.visible).filter({ visible: true }).count()) > 0) return true
    const there = await page.locator(expected.visible).count()
    return there === 0 ? 'nothing matches' : `${there === 1 ? 'it is' : `all ${there} are`} hidden`
  }
  if ('hidden' in expected) {
    const seen = await page.locator(expected.hidden).filter({ visible: true }).count()
    return seen === 0 ? true : `${seen} ${seen === 1 ? 'is' : 'are'} visible`
  }
  if ('count' in expected) {
    const count = await page.locator(expected.selector).count()
    return count === expected.count ? true : `there are ${count}`
  }
  if ('text' in expected) return await lookForText(page.locator(expected.selector ?? 'body'), expected.text)
  const [what, want, is] =
    'url' in expected ? ['address', expected.url, page.url()] : ['title', expected.title, await page.title()]
  return is.includes(want) ? true : `the ${what} is ${JSON.stringify(oneLine(is, 200))}`
}

/** What is asked of an element in the page, whose types are not known here. */
interface PageElement {
  readonly innerText?: unknown
  readonly textContent?: unknown
  readonly value?: unknown
}

/** Runs inside of the page, on its own: the text there may be larger than what should come over here. Null: no element. */
function findText(elements: readonly PageElement[], want: string): true | string | null {
  const plain = (text: unknown) =>
    String(text ?? '')
      .replace(/\s+/g, ' ')
      .trim()
  let first = ''
  for (const element of elements.slice(0, 10_000)) {
    for (const text of [
      plain(element.innerText ?? element.textContent),
      typeof element.value === 'string' ? plain(element.value) : '',
    ]) {
      if (text.includes(plain(want))) return true
      if (first === '') first = text.slice(0, 160)
    }
  }
  return elements.length === 0 ? null : first
}

async function lookForText(locator: Locator, text: string): Promise<true | string> {
  const seen: unknown = await locator.evaluateAll(findText, text)
  if (seen === true) return true
  return typeof seen === 'string' ? `saw ${JSON.stringify(oneLine(seen, 160))}` : 'nothing matches'
}

/** What Playwright says, in a line: what failed, and the end of its record of why. */
export function explain(error: unknown): string {
  const [head = '', ...rest] = plainText(messageOf(error)).split('\n')
  const said = head.replace(/^(?:\w+\.)+\w+: /, '').replace(/^Error: /, '')
  const details = rest
    .map((line) => line.replace(/^\s*-?\s*/, '').trim())
    .filter((line) => line !== '' && !/^Call log:?$/.test(line) && !/^=+/.test(line))
  const notable = details.filter(
    (line) =>
      !/^(?:waiting|navigating to|retrying|attempting|scrolling|done scrolling|\d+ ×|locator resolved)/.test(line),
  )
  const why = [...new Set(notable)].slice(0, 3).join('; ')
  return oneLine(why === '' ? said : `${said} (${why})`, 500)
}
