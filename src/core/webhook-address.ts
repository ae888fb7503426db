import { LoopwrightError } from './errors.ts'

/**
 * The address of a webhook: https, or http to this machine alone. Throws `bad_input` that does not repeat it, because whoever knows
 * the address may write there.
 *
 * @param what what is wrong, for people: `notify: url`
 */
export function webhookAddress(text: string, what: string): URL {
  const wrong = (message: string, hint: string) => new LoopwrightError('bad_input', `${what}: ${message}`, { hint })
  if (!URL.canParse(text.trim())) throw wrong('this is not an address', 'it begins with https://')
  const url = new URL(text.trim())
  if (url.username !== '' || url.password !== '') {
    throw wrong('an address with a user name or password in it is not taken', 'use one without')
  }
  if (url.protocol === 'https:') return url
  if (url.protocol !== 'http:') throw wrong('this is not an address on the web', 'it begins with https://')
  if (!isLoopbackName(url.hostname)) {
    throw wrong('http is for this machine alone', 'use https: what is told can be read on the way')
  }
  return url
}

/** Whether a host name as `URL` writes it is this machine alone. */
function isLoopbackName(name: string): boolean {
  return name === 'localhost' || name === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(name)
}
