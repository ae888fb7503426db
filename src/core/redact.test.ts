import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createRedact } from './redact.ts'

const body = 'AbCdEfGh1234567890'.repeat(3)
// Put together here, so that no scanner takes this file for a leak.
const shaped = [
  `sk-${body}`,
  `sk-ant-api03-${body}_-x`,
  `sk-proj-${body}`,
  `ghp_${body.slice(0, 36)}`,
  `gho_${body.slice(0, 36)}`,
  `github_pat_${body}_${body}`,
  `glpat-${body.slice(0, 20)}`,
  `xoxb-1234567890-${body}`,
  `xoxp-1234567890-${body}`,
  `AKIA${'ABCDEFGH12345678'}`,
  `AIza${body.slice(0, 35)}`,
  `npm_${body.slice(0, 36)}`,
  `eyJ${body}.eyJ${body}.${body}`,
  `sk_live_${body}`,
  `hf_${body.slice(0, 34)}`,
  `-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\n${body}\n${body}==\n-----END RSA PRIVATE KEY-----`,
  `-----BEGIN OPENSSH PRIVATE KEY-----\n${body}\n${body}\n-----END OPENSSH PRIVATE KEY-----`,
]

test('known values are replaced wherever they stand', () => {
  const redact = createRedact({ values: ['hunter2hunter2', 'a b&c=d/e+f'] })
  expect(redact('pw=hunter2hunter2; again hunter2hunter2!')).toBe('pw=[redacted]; again [redacted]!')
  expect(redact('?q=a%20b%26c%3Dd%2Fe%2Bf')).toBe('?q=[redacted]')
})

test('values shorter than 8 characters are no secrets', () => {
  expect(createRedact({ values: ['short', '1234567', '', '        '] })('short 1234567         ')).toBe(
    'short 1234567         ',
  )
})

test('a secret that holds another goes as a whole', () => {
  expect(createRedact({ values: ['password', 'password-and-more'] })('x password-and-more y password')).toBe(
    'x [redacted] y [redacted]',
  )
})

test('values of variables named like a secret are taken from the environment given', () => {
  const redact = createRedact({
    env: {
      MY_API_KEY: 'value-of-key',
      GH_TOKEN: 'value-of-token',
      HOME: '/home/person',
      MONKEY: 'banana-tree',
      A_TOKEN: undefined,
      SSH_AUTH_SOCK: '/home/person',
    },
  })
  expect(redact('value-of-key value-of-token /home/person banana-tree')).toBe(
    '[redacted] [redacted] /home/person banana-tree',
  )
})

test.for(shaped)('a well-known shape is replaced: %s', (secret) => {
  const redact = createRedact()
  for (const [before, after] of [
    ['', ''],
    ['token=', '\n'],
    ['"', '"'],
    ['x_', ' y'],
    ['(', ')'],
    ['\\', '\\'],
  ]) {
    const clean = redact(`${before}${secret}${after}`)
    expect(clean).toContain('[redacted]')
    expect(clean).not.toContain(body.slice(0, 16))
  }
})

test('of an authorization header and a URL only the secret goes', () => {
  const redact = createRedact()
  expect(redact(`Authorization: Bearer ${body}`)).toBe('Authorization: Bearer [redacted]')
  expect(redact('https://user:s3cr3tpass@example.org/x.git')).toBe('https://user:[redacted]@example.org/x.git')
})

test('a private key that was cut off is replaced as far as it goes', () => {
  expect(createRedact()(`-----BEGIN PRIVATE KEY-----\n${body}\n${body}`)).toBe('[redacted]')
})

test('ordinary text stays as it is', () => {
  const text =
    'task-implementation-of-something risk-assessment-of-everything the bearer authentication scheme, sk-learn, ' +
    'ghp_short AKIA eyJ.a.b npm_config_registry https://example.org:8080/path a1b2c3d4e5f6a7b8c9d0a1b2c3d4e5f6a7b8c9d0'
  expect(createRedact()(text)).toBe(text)
})

const secrets = fc.oneof(
  fc.constantFrom(...shaped),
  fc.constantFrom(
    '12345678',
    '"],["x":',
    '\\"\\"\\"\\"\\',
    'nsecret-value',
    '[1,2,3,4]',
    'true,null',
    'u0041bcdef',
    'line\nline\nline',
  ),
  fc.string({ minLength: 8, maxLength: 20 }),
)

test('JSON stays JSON of the same structure, whatever the secrets are', () => {
  const shape = (value: unknown): unknown =>
    Array.isArray(value)
      ? value.map(shape)
      : typeof value === 'object' && value !== null
        ? Object.values(value).map(shape)
        : 'leaf'
  fc.assert(
    fc.property(fc.array(secrets, { maxLength: 4 }), fc.jsonValue(), fc.boolean(), (values, other, pretty) => {
      const redact = createRedact({ values })
      const data = {
        list: values.map((value) => ['before ', `\n${value}`, `C:\\${value}\\`, value]),
        other,
        n: 12345678,
        m: [1, 2, 3, 4],
      }
      const clean = redact(JSON.stringify(data, null, pretty ? 1 : 0))
      const back = JSON.parse(clean)
      // Two keys that are both redacted become one; nothing else may change.
      if (Object.keys(back).length === 4) expect(shape(back.list)).toEqual(shape(data.list))
      expect(JSON.parse(redact(clean))).toEqual(back)
    }),
    { numRuns: 500 },
  )
})

test('no secret is left in a text, in its JSON, or in JSON within JSON', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 8, maxLength: 30 }), fc.string(), fc.string(), (value, before, after) => {
      const secret = value.trim()
      // A text can be JSON by chance, and a quote of the secret then be the end of a string of it.
      fc.pre(!secret.includes('"'))
      fc.pre(secret.length >= 8 && !'[redacted]'.includes(secret) && !`${before}[redacted]${after}`.includes(secret))
      const redact = createRedact({ values: [secret] })
      const text = `${before}${secret}${after}`
      expect(redact(text)).not.toContain(secret)
      expect(JSON.parse(redact(JSON.stringify({ text }))).text).not.toContain(secret)
    }),
  )
})

test('a megabyte that was made to be slow is redacted in linear time', () => {
  const redact = createRedact({ values: ['some-known-value'] })
  const parts = [
    'sk-',
    'sk-a',
    'eyJ',
    'eyJaaaaaaaa.',
    'xoxb-',
    'ghp_',
    'github_pat_',
    '-----BEGIN PRIVATE KEY-----',
    '-----BEGIN ',
    '-',
    ' ',
    'bearer ',
    'Bearer a',
    '://a:',
    '://',
    'A',
    'AKIA',
    'AIza',
    'a',
    '_',
    '"',
    '\\',
    '\\"',
    'npm_',
    '1',
    '{',
    'PRIVATE KEY',
  ]
  for (const part of parts) {
    const text = part.repeat(Math.ceil(1_000_000 / part.length))
    const started = performance.now()
    redact(text)
    redact(JSON.stringify([text, 'some-known-value']))
    expect(performance.now() - started, part).toBeLessThan(10_000)
  }
})
