import { oneLine } from './plain.ts'
import type { CommandSpec } from './ports.ts'

/** What a `browser:` step does with a page: where it begins, its steps in order, and what may not be seen on the way. */
export interface BrowserPlay {
  /** Opened first, and what a relative `open` is relative to. Absent: the first step must open a whole URL. */
  readonly url?: string
  readonly steps: readonly BrowserStep[]
  /** A server that runs in the workspace for as long as the play does. It stays in the foreground: its end, whatever the exit code, fails the play. */
  readonly serve?: CommandSpec
  /** CSS pixels; 1280 × 800 by default. */
  readonly viewport?: { readonly width: number; readonly height: number }
  /** For the whole play; 60,000 by default. */
  readonly timeoutMs?: number
  /** Console errors are noted, but fail nothing. Errors the page throws and requests that fail still do. */
  readonly allowConsoleErrors?: boolean
}

/** One step, as it stands in a file: an object with one of these keys. Selectors are Playwright's: CSS, `text=…`, `role=button[name="Save"]`. */
export type BrowserStep =
  /** A whole URL, or one relative to the play's. */
  | { readonly open: string }
  | { readonly click: string }
  /** Replaces what a field holds. */
  | { readonly type: { readonly selector: string; readonly text: string } }
  /** A key: `Enter`, `Control+A`. */
  | { readonly press: string }
  | { readonly expect: BrowserExpectation }
  /** Until it is visible. */
  | { readonly wait: string }
  /** The name of the picture. */
  | { readonly screenshot: string }

/** What must become true before the step's time is over. */
export type BrowserExpectation =
  /** The page, or the element, contains this text; runs of blanks count as one. */
  | { readonly text: string; readonly selector?: string }
  | { readonly visible: string }
  /** Not there, or not seen. */
  | { readonly hidden: string }
  /** So many elements match. */
  | { readonly count: number; readonly selector: string }
  /** The page's address contains this. */
  | { readonly url: string }
  /** The page's title contains this. */
  | { readonly title: string }

/** A step in a few words, for people: `click #save`, `expect text "Saved" in #status`. What is typed is not repeated: it may be a password. */
export function describeStep(step: BrowserStep): string {
  if ('open' in step) return `open ${oneLine(step.open, 200)}`
  if ('click' in step) return `click ${oneLine(step.click)}`
  if ('type' in step) return `type ${step.type.text.length} characters into ${oneLine(step.type.selector)}`
  if ('press' in step) return `press ${oneLine(step.press)}`
  if ('wait' in step) return `wait for ${oneLine(step.wait)}`
  if ('screenshot' in step) return `screenshot ${oneLine(step.screenshot)}`
  return `expect ${describeExpectation(step.expect)}`
}

function describeExpectation(expected: BrowserExpectation): string {
  if ('text' in expected) {
    const where = expected.selector === undefined ? '' : ` in ${oneLine(expected.selector)}`
    return `text ${JSON.stringify(oneLine(expected.text))}${where}`
  }
  if ('visible' in expected) return `${oneLine(expected.visible)} visible`
  if ('hidden' in expected) return `${oneLine(expected.hidden)} hidden`
  if ('count' in expected) return `${expected.count} × ${oneLine(expected.selector)}`
  if ('url' in expected) return `the address to contain ${JSON.stringify(oneLine(expected.url, 200))}`
  return `the title to contain ${JSON.stringify(oneLine(expected.title))}`
}

/** The selector a step is about, if it is about one. */
export function selectorOf(step: BrowserStep): string | undefined {
  if ('click' in step) return step.click
  if ('type' in step) return step.type.selector
  if ('wait' in step) return step.wait
  if (!('expect' in step)) return undefined
  if ('visible' in step.expect) return step.expect.visible
  if ('hidden' in step.expect) return step.expect.hidden
  return 'selector' in step.expect ? step.expect.selector : undefined
}

/** Something a play saw that should not be. `failed_step` and `timeout` end the play; the others are noted and it goes on. */
export interface BrowserFinding {
  readonly kind:
    | 'console_error'
    | 'page_error'
    | 'failed_request'
    | 'failed_step'
    | 'timeout'
    | 'crash'
    | 'dialog'
    | 'popup'
    | 'download'
    | 'navigation'
    | 'server'
  /** One bounded line. */
  readonly text: string
  /** The step it came in, from 1; 0 before the first. */
  readonly step: number
  readonly selector?: string
  readonly url?: string
  /** Whether it makes the play fail. */
  readonly fatal: boolean
  /** How often it was seen, when more than once. */
  readonly times?: number
}
