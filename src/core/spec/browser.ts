import { z } from 'zod'
import { duration } from './parts.ts'
import { name } from './shared.ts'

const selector = name.describe('a CSS selector, or text=… for what a person reads')

const expectation = z
  .strictObject({
    text: z.string().min(1).optional().describe('stands on the page, or in `in`'),
    in: selector.optional().describe('where the text is looked for'),
    visible: selector.optional().describe('can be seen'),
    hidden: selector.optional().describe('cannot be seen'),
    count: z
      .strictObject({ of: selector, is: z.int().min(0) })
      .optional()
      .describe('so many of these are there'),
    url: name.optional().describe('part of the address'),
    title: name.optional().describe('part of the title'),
  })
  .superRefine((value, ctx) => {
    const { in: _in, ...facts } = value
    if (Object.values(facts).every((fact) => fact === undefined))
      ctx.addIssue({ code: 'custom', message: 'nothing is expected', params: { hint: 'for example: text: Saved' } })
    if (value.in !== undefined && value.text === undefined)
      ctx.addIssue({ code: 'custom', path: ['in'], message: '`in` needs a text', params: { hint: 'add text: …' } })
  })

const step = z
  .strictObject({
    open: name.optional().describe('an address, or a path: below `url`, else a file of the project'),
    click: selector.optional(),
    type: z.strictObject({ into: selector, text: z.string() }).optional().describe('replaces what a field holds'),
    press: name.optional().describe('a key, as Enter or Control+A'),
    expect: expectation.optional().describe('waited for; what does not come true is a finding'),
    wait: z
      .union([duration, z.strictObject({ visible: selector })])
      .optional()
      .describe('a time, or until something can be seen'),
    screenshot: z
      .string()
      .regex(/^[\w-]{1,60}$/, 'a name of letters, digits, - and _')
      .optional()
      .describe('the name of the picture'),
  })
  .superRefine((value, ctx) => {
    const given = Object.values(value).filter((one) => one !== undefined).length
    if (given !== 1)
      ctx.addIssue({
        code: 'custom',
        message: `a step does one thing, this one does ${given === 0 ? 'none' : given}`,
        params: { hint: 'write each as a step of its own: - open: /' },
      })
  })

/** What a browser does to play a page. Times are parsed to seconds. */
export const browserPlay = z.strictObject({
  url: name.optional().describe('the address that paths of `open` are below'),
  steps: z.array(step).min(1, 'there is no step').describe('what is done, one after the other'),
  allowConsoleErrors: z.boolean().default(false).describe('true: errors on the console are no findings'),
  allowFailedRequests: z.boolean().default(false).describe('true: requests that failed are no findings'),
  viewport: z
    .strictObject({ width: z.int().min(100).max(10_000), height: z.int().min(100).max(10_000) })
    .default({ width: 1280, height: 800 }),
  timeout: duration.default(30).describe('time limit of each step'),
})
export type BrowserPlay = z.output<typeof browserPlay>
