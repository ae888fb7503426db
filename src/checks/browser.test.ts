import { expect, test } from 'vitest'
import type { BrowserPlay } from '../core/browser.ts'
import { browserRunner } from './browser.ts'

const options = { signal: new AbortController().signal, artifacts: '/nowhere' }

test.each<[BrowserPlay, string]>([
  [{ steps: [] }, 'a browser play opens nothing'],
  [{ url: 'http://a/', steps: [], viewport: { width: 0, height: 800 } }, 'a viewport of 0 × 800 cannot be'],
  [{ url: 'http://a/', steps: [], viewport: { width: 1e6, height: 1e6 } }, 'a viewport of'],
  [{ url: 'http://a/', steps: [], timeoutMs: Number.NaN }, 'a play cannot take NaN ms'],
  [{ url: 'http://a/', steps: Array.from({ length: 1001 }, () => ({ press: 'a' })) }, 'more than 1,000 steps'],
])('a play that cannot be is refused before anything starts: %#', async (play, message) => {
  await expect(browserRunner({ path: '/nowhere' })(play, options)).rejects.toMatchObject({
    code: 'bad_input',
    message: expect.stringContaining(message),
  })
})

test('without a browser the play is refused with what to install', async () => {
  const run = browserRunner({ path: '/nowhere', platform: 'linux' })
  await expect(run({ url: 'http://127.0.0.1/', steps: [] }, options)).rejects.toMatchObject({ code: 'missing_tool' })
})
