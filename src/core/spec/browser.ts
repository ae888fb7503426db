import { z } from 'zod'
import type { BrowserExpectation, BrowserPlay, BrowserStep } from '../browser.ts'
import { command, duration } from './parts.ts'
import { name } from './shared.ts'

const selector = name.describe('CSS, text=…, or role=button[name="Save"]')

const expectation = z
  .strictObject({
    text: z.string().min(1).optional().describe('stands on the page, or in `selector`'),
    visible: selector.optional().describe('can be seen'),
    hidden: selector.optional().describe('cannot be seen'),
    count: z.int().min(0).optional().describe('so many elements match `selector`'),
    url: name.optional().describe('part of the address'),
    title: name.optional().describe('part of the title'),
    selector: selector.optional().describe('where the text is looked for, or what is counted'),
  })
  .transform((value, ctx): BrowserExpectation => {
    const { selector: where, ...facts } = value
    const given = Object.values(facts).filter((fact) => fact !== undefined).length
    const issue = (message: string, hint: string) => ctx.addIssue({ code: 'custom', message, params: { hint } })
    if (given === 0) issue('nothing is expected', 'for example: text: Saved')
    else if (given > 1) issue('expect one thing at a time', 'write each as a step of its own: - expect: …')
    else if (value.count !== undefined && where === undefined) issue('what is counted?', 'add selector: li')
    else if (where !== undefined && value.count === undefined && value.text === undefined)
      issue('`selector` goes with text or count', 'remove it')
    return value as BrowserExpectation
  })

const step = z
  .strictObject({
    open: name.optional().describe('a whole URL, or one relative to `url`'),
    click: selector.optional(),
    type: z.strictObject({ selector, text: z.string() }).optional().describe('replaces what a field holds'),
    press: name.optional().describe('a key, as Enter or Control+A'),
    expect: expectation.optional().describe('waited for; what does not come true fails the play'),
    wait: selector.optional().describe('until it can be seen'),
    screenshot: name.max(60).optional().describe('the name of the picture'),
  })
  .transform((value, ctx): BrowserStep => {
    const given = Object.values(value).filter((one) => one !== undefined).length
    if (given !== 1)
      ctx.addIssue({
        code: 'custom',
        message: `a step does one thing, this one does ${given === 0 ? 'none' : given}`,
        params: { hint: 'write each as a step of its own: - open: /' },
      })
    return value as BrowserStep
  })

const side = z.int().min(100).max(4096)

/** What a browser does to play a page. Parsed to a BrowserPlay, which parses again to itself. */
export const browserPlay = z
  .strictObject({
    url: name.optional().describe('opened first, and what a relative `open` is relative to'),
    serve: command.optional().describe('a server that runs in the workspace as long as the play does'),
    steps: z.array(step).max(1000).default([]).describe('what is done, one after the other'),
    allowConsoleErrors: z.boolean().optional().describe('true: errors on the console are noted, and fail nothing'),
    viewport: z.strictObject({ width: side, height: side }).optional().describe('in CSS pixels; absent: 1280 × 800'),
    timeout: duration.optional().describe('time limit of the whole play; absent: a minute'),
    timeoutMs: z.number().positive().optional().describe('how a stored spec writes `timeout`'),
  })
  .transform((value, ctx): BrowserPlay => {
    const { timeout, timeoutMs = timeout === undefined ? undefined : timeout * 1000, ...play } = value
    if (play.url === undefined && !play.steps.some((one) => 'open' in one))
      ctx.addIssue({ code: 'custom', message: 'nothing is opened', params: { hint: 'add url: http://127.0.0.1:3000' } })
    const { url, serve, allowConsoleErrors, viewport, steps } = play
    if (serve?.timeoutMs !== undefined)
      ctx.addIssue({
        code: 'custom',
        path: ['serve'],
        message: 'a server has no time limit of its own: it runs as long as the play does',
        params: { hint: 'remove it, or limit the play: browser: { timeout: 2m }' },
      })
    return {
      ...(url === undefined ? {} : { url }),
      ...(serve === undefined ? {} : { serve }),
      steps,
      ...(allowConsoleErrors === undefined ? {} : { allowConsoleErrors }),
      ...(viewport === undefined ? {} : { viewport }),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    }
  })
