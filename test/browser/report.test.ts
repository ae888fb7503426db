import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { chromium } from 'playwright-core'
import { expect, test } from 'vitest'
import { findBrowser } from '../../src/checks/browser/find.ts'
import { renderReport } from '../../src/folder/report.ts'
import { emptyFacts, poison, richFacts } from '../fixtures/report.ts'
import { page as pageOf, play, scratch, serve } from './scene.ts'

async function picture(folder: string): Promise<Uint8Array> {
  await using server = await serve({ '/': pageOf('<h1>Cart</h1>') })
  const { screenshots } = await play({ url: server.url, steps: [] }, { artifacts: folder })
  const { readFileSync } = await import('node:fs')
  return readFileSync(screenshots[0]?.path ?? '')
}

test('a browser shows a report without a request, a script or a complaint, hostile or not, on narrow and wide screens', async () => {
  using folder = scratch()
  const shot = await picture(folder.path)
  const rich = richFacts([shot])
  const pages = { rich, hostile: poison(rich), empty: emptyFacts() }
  await using browser = await chromium.launch({
    executablePath: findBrowser({ path: process.env.PATH ?? '' }),
    chromiumSandbox: process.getuid?.() !== 0,
  })
  for (const [name, facts] of Object.entries(pages)) {
    const file = join(folder.path, `${name}.html`)
    writeFileSync(file, renderReport(facts))
    for (const width of [360, 1400]) {
      const page = await browser.newPage({ viewport: { width, height: 800 } })
      const seen: string[] = []
      page.on('console', (message) => seen.push(`console ${message.text()}`))
      page.on('dialog', (dialog) => {
        seen.push(`dialog ${dialog.message()}`)
        dialog.dismiss().catch(() => undefined)
      })
      page.on('request', (request) => {
        if (!/^(?:file|data):/.test(request.url())) seen.push(`request ${request.url()}`)
      })
      await page.goto(pathToFileURL(file).href)
      await page.evaluate('for (const one of document.querySelectorAll("details")) one.open = true')
      expect(await page.evaluate('document.documentElement.scrollWidth - window.innerWidth'), name).toBeLessThanOrEqual(
        0,
      )
      expect(await page.evaluate('getComputedStyle(document.querySelector(".card")).borderRadius')).toBe('12px')
      expect(await page.evaluate('[...document.images].every((one) => one.complete && one.naturalWidth > 0)')).toBe(
        true,
      )
      expect(await page.locator('img').count()).toBe(name === 'empty' ? 0 : 1)
      expect(seen).toEqual([])
      await page.close()
    }
  }
})
