import { expect, test } from 'vitest'
import { isPublicAddress } from './addresses.ts'
import { hostOf, parseAllowlist, parseTarget } from './allowlist.ts'

test.each([
  ['API.Example.com', 'api.example.com'],
  ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
  ['192.0.2.7', '192.0.2.7'],
  ['[2001:DB8:0:0::1]', '2001:db8::1'],
])('%j is the host %s', (text, host) => expect(hostOf(text)).toBe(host))

test.each([
  '',
  '.',
  'a..b',
  'example.com.',
  'evil.example\0.google.com',
  'evil.example%00.google.com',
  'user@example.com',
  'exam ple.com',
  'bücher.example',
  'example.com/x',
  'example.com\r\nHost: x',
  '-a.example',
  '2130706433',
  '0x7f000001',
  '0x7f.1',
  '127.1',
  '0177.0.0.1',
  '127.0.0.1.',
  '[::1',
  '[fe80::1%eth0]',
  '[::ffff:127.0.0.1]',
  '::1',
  `${'a'.repeat(64)}.example`,
])('%j is no host', (text) => expect(hostOf(text)).toBeUndefined())

test('an entry allows its host on 443 and 80, or on its port alone', () => {
  const list = parseAllowlist(['API.example.com', 'git.example.com:8443', '192.0.2.7:5000', '[2001:db8::1]'])
  const allows = (text: string) => {
    const target = parseTarget(text)
    return target !== undefined && list.allows(target)
  }
  for (const text of [
    'api.example.com:443',
    'Api.Example.COM:80',
    'git.example.com:8443',
    '192.0.2.7:5000',
    '[2001:db8:0::1]:443',
  ]) {
    expect(allows(text), text).toBe(true)
  }
  for (const text of [
    'api.example.com:22',
    'git.example.com:443',
    'x.api.example.com:443',
    'api.example.com.evil.test:443',
    'napi.example.com:443',
    '192.0.2.7:443',
    'api.example.com',
  ]) {
    expect(allows(text), text).toBe(false)
  }
})

test('a star stands for subdomains and nothing else', () => {
  const list = parseAllowlist(['*.example.com', '*.Bücher.example:8080'])
  expect(list.allows({ host: 'a.b.example.com', port: 443 })).toBe(true)
  expect(list.allows({ host: 'a.xn--bcher-kva.example', port: 8080 })).toBe(true)
  for (const host of ['example.com', 'notexample.com', 'example.com.evil.test']) {
    expect(list.allows({ host, port: 443 }), host).toBe(false)
  }
})

test('a server on this machine is a port to lead to, and nothing the proxy opens', () => {
  const list = parseAllowlist(['localhost:11434', '127.0.0.1:8080', '[::1]:8080'])
  expect(list.localPorts).toEqual([11434, 8080])
  for (const host of ['localhost', '127.0.0.1', '::1']) {
    expect(list.allows({ host, port: 8080 })).toBe(false)
    expect(list.allowsAddress(host, 8080)).toBe(false)
  }
})

test('registries are the usual package registries', () => {
  const list = parseAllowlist(['registries'])
  for (const host of [
    'registry.npmjs.org',
    'pypi.org',
    'static.crates.io',
    'proxy.golang.org',
    'rubygems.org',
    'repo1.maven.org',
  ]) {
    expect(list.allows({ host, port: 443 }), host).toBe(true)
  }
})

test.each([
  '',
  '*',
  '*.com',
  '*.*.example.com',
  'a.*.example.com',
  'https://example.com',
  'example.com/path',
  'example.com:0',
  'example.com:65536',
  'example.com:http',
  'localhost',
  '*.127.0.0.1',
  'exam\0ple.com',
  '2130706433',
  '[::1]',
])('%j cannot be allowed', (entry) => expect(() => parseAllowlist([entry])).toThrow(/not a host that can be allowed/))

test.each(['8.8.8.8', '1.1.1.1', '2606:4700::1111'])('%s is public', (address) => {
  expect(isPublicAddress(address)).toBe(true)
})

test.each([
  '127.0.0.1',
  '127.255.0.1',
  '0.0.0.0',
  '10.1.2.3',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.1.1',
  '169.254.169.254',
  '100.64.0.1',
  '224.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '::ffff:8.8.8.8',
  '64:ff9b::7f00:1',
  'fe80::1',
  'fd00:ec2::254',
  'ff02::1',
  '2002:7f00:1::',
  '2001:0:7f00:1::',
  'no address',
])('%s is not public', (address) => {
  expect(isPublicAddress(address)).toBe(false)
})
