import type { BrowserContext, Page, Request } from 'playwright-core'
import { oneLine } from '../../core/plain.ts'
import { type Findings, shortUrl } from './findings.ts'
import type { PlayReport } from './protocol.ts'

/** How many dialogs a page may show before it counts as one that never stops. */
const dialogsAllowed = 20
/** How many lines of the console go into the log. */
const consoleLines = 200

/** What a page is watched with. */
export interface Watching {
  readonly findings: Findings
  readonly say: (report: PlayReport) => void
  readonly allowConsoleErrors: boolean
  /** Whether an address belongs to what the play opened. */
  readonly isOwn: (url: string) => boolean
  /** Whether a step is opening a page: it tries again, and says itself what failed. */
  readonly isOpening: () => boolean
  /** Ends the play. */
  readonly stop: () => void
}

/** Listens to all that a page does that should be told. */
export function watch(context: BrowserContext, page: Page, watching: Watching): void {
  const { findings, say, isOwn, stop } = watching
  context.browser()?.on('disconnected', () => {
    findings.add({ kind: 'crash', text: 'the browser ended, which nobody here asked for', fatal: true })
    stop()
  })
  let lines = 0
  context.on('console', (message) => {
    const type = message.type()
    const text = message.text()
    // The request itself says more, and whose it was; one for the page's icon is no concern.
    if (text.startsWith('Failed to load resource')) return
    if (type !== 'debug' && lines++ < consoleLines)
      say({ kind: 'note', text: `console ${type}: ${oneLine(text, 500)}` })
    if (type !== 'error') return
    const url = message.location().url
    findings.add({ kind: 'console_error', text, ...(url === '' ? {} : { url }), fatal: !watching.allowConsoleErrors })
  })
  context.on('weberror', (error) => {
    findings.add({ kind: 'page_error', text: errorText(error.error()), fatal: true })
  })
  context.on('requestfailed', (request) => {
    const reason = request.failure()?.errorText ?? 'failed'
    // The page gave it up itself, or went elsewhere.
    if (reason === 'net::ERR_ABORTED') return
    if (watching.isOpening() && request.isNavigationRequest() && request.frame() === page.mainFrame()) return
    findings.add({ kind: 'failed_request', ...about(request, reason), fatal: isOwn(request.url()) })
  })
  context.on('response', (response) => {
    const status = response.status()
    if (status < 400) return
    const request = response.request()
    const said = `${status} ${response.statusText()}`.trim()
    findings.add({ kind: 'failed_request', ...about(request, said), fatal: isOwn(request.url()) })
  })
  context.on('dialog', (dialog) => {
    findings.add({ kind: 'dialog', text: `${dialog.type()}: ${oneLine(dialog.message(), 200)}`, fatal: false })
    dialog.dismiss().catch(() => undefined)
    if (findings.count('dialog') <= dialogsAllowed) return
    findings.add({ kind: 'dialog', text: `the page showed more than ${dialogsAllowed} dialogs`, fatal: true })
    stop()
  })
  context.on('page', (popup) => {
    if (popup === page) return
    // Its address is known only once it goes there.
    popup
      .waitForLoadState('domcontentloaded', { timeout: 1000 })
      .catch(() => undefined)
      .then(() =>
        findings.add({
          kind: 'popup',
          text: 'the page opened a window, which was closed',
          url: popup.url(),
          fatal: false,
        }),
      )
      .then(() => popup.close())
      .catch(() => undefined)
  })
  page.on('download', (download) => {
    const text = `a download was refused: ${download.suggestedFilename()}`
    findings.add({ kind: 'download', text, url: download.url(), fatal: false })
  })
  page.on('framenavigated', (frame) => {
    const url = frame.url()
    if (frame !== page.mainFrame() || url.startsWith('about:') || url.startsWith('chrome-error:') || isOwn(url)) return
    findings.add({ kind: 'navigation', text: `the page went elsewhere: ${shortUrl(url)}`, url, fatal: false })
  })
  page.on('crash', () => {
    findings.add({ kind: 'crash', text: 'the page crashed', fatal: true })
    stop()
  })
}

function about(request: Request, what: string): { readonly text: string; readonly url: string } {
  const url = request.url()
  return { text: `${request.method()} ${shortUrl(url)}: ${what}`, url }
}

function errorText(error: Error): string {
  const at = /\n\s*at (.{1,300})/.exec((error.stack ?? '').slice(0, 20_000))?.[1]
  const said = `${error.name === '' ? 'Error' : error.name}: ${error.message.slice(0, 5000)}`
  return at === undefined ? said : `${said} (at ${at.trim()})`
}
