import { expect, test } from 'vitest'
import { webhookAddress } from './webhook-address.ts'

const taken = (text: string) => {
  try {
    return webhookAddress(text, 'notify').href
  } catch (error) {
    return error instanceof Error ? error.message : 'thrown'
  }
}

test('a webhook is called by https, and by http on this machine alone, however that is written', () => {
  expect(taken(' https://hooks.example.com/services/T0/B0/secret ')).toBe(
    'https://hooks.example.com/services/T0/B0/secret',
  )
  for (const here of ['http://127.0.0.1:80/a', 'http://localhost/a', 'http://[::1]:9/a', 'http://0x7f.1/a']) {
    expect(taken(here)).toMatch(/^http:/)
  }
  for (const away of ['http://example.com/secret', 'http://127.0.0.1.example.com/secret', 'http://10.0.0.1/secret']) {
    expect(taken(away)).toBe('notify: http is for this machine alone')
  }
})

test('an address that is refused is not repeated: it may be a secret', () => {
  for (const wrong of ['secret', 'ftp://secret', 'https://ada:secret@example.com/', 'file:///secret', '', '//secret']) {
    expect(taken(wrong)).toMatch(/^notify: /)
    expect(taken(wrong)).not.toContain('secret')
  }
})
