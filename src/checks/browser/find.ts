import { LoopwrightError } from '../../core/errors.ts'
import { findCommand } from '../../process/sandbox/find-command.ts'

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome']
const macApps = ['Google Chrome', 'Chromium', 'Google Chrome for Testing', 'Microsoft Edge']

/** Where to look for a browser. */
export interface BrowserPlace {
  /** A PATH variable. */
  readonly path: string
  readonly home?: string
  /** An executable somebody named: then no other will do. */
  readonly executable?: string
  readonly platform?: NodeJS.Platform
}

/** The executable of a Chromium or Chrome on this machine. Throws `missing_tool` when there is none. */
export function findBrowser(place: BrowserPlace): string {
  const { path, home, executable, platform = process.platform } = place
  if (executable !== undefined) {
    const found = findCommand(executable, path)
    if (found !== undefined) return found
    throw new LoopwrightError('missing_tool', `no browser at ${executable}`, {
      hint: 'name the executable of a Chromium or Chrome, or leave it out to have one looked for',
    })
  }
  const files = platform === 'darwin' ? macExecutables(home) : []
  for (const candidate of [...names, ...files]) {
    const found = findCommand(candidate, path)
    if (found !== undefined) return found
  }
  throw new LoopwrightError('missing_tool', 'a browser step needs Chromium or Chrome, and there is none in PATH', {
    hint:
      platform === 'darwin'
        ? 'install it with `brew install --cask google-chrome`'
        : 'install it with `sudo apt-get install chromium`, or name the executable of one that is there',
  })
}

function macExecutables(home: string | undefined): string[] {
  const folders = ['/Applications', ...(home === undefined ? [] : [`${home}/Applications`])]
  return folders.flatMap((folder) => macApps.map((app) => `${folder}/${app}.app/Contents/MacOS/${app}`))
}
