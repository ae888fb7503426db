import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { scratch } from '../../test/fixtures/repo.ts'
import type { CommandSpec } from '../core/ports.ts'
import { auditSource } from './audit.ts'

/** Audits a project with these files by a package manager that answers this. */
async function audit(
  files: readonly string[],
  stdout: unknown,
  more: { exitCode?: number | null; stderr?: string; error?: string } = {},
) {
  using folder = scratch()
  for (const name of files) writeFileSync(join(folder.path, name), '{}')
  const asked: CommandSpec[] = []
  let env: Readonly<Record<string, string>> = {}
  const source = auditSource({
    options: { cwd: folder.path },
    run: async (command, options) => {
      asked.push(command)
      env = options.env ?? {}
      const text = typeof stdout === 'string' ? stdout : JSON.stringify(stdout)
      return { exitCode: 1, stdout: text, stderr: '', duration: 0, timedOut: false, ...more }
    },
  })
  const seen = await source.look({ signal: new AbortController().signal })
  return { seen, argv: asked[0]?.argv?.join(' '), env }
}

const found = (look: Awaited<ReturnType<typeof audit>>) =>
  'findings' in look.seen
    ? look.seen.findings.map(({ id, title, weight, body, url }) => ({ id, title, weight, body, url }))
    : look.seen

test('npm’s report: one finding a package, the gravest first', async () => {
  const url = 'https://github.com/advisories/GHSA-1'
  const report = {
    auditReportVersion: 2,
    vulnerabilities: {
      tiny: { name: 'tiny', severity: 'low', via: [{ title: 'Slow pattern', url }], fixAvailable: true },
      lodash: {
        severity: 'critical',
        via: [{ title: 'Prototype Pollution', url }, 'other'],
        fixAvailable: { name: 'lodash', version: '4.17.21', isSemVerMajor: false },
      },
      outer: { severity: 'moderate', via: ['lodash'], fixAvailable: false },
    },
    metadata: {},
  }
  const look = await audit(['package-lock.json'], report)
  expect(look.argv).toBe('npm audit --json')
  expect(found(look)).toEqual([
    {
      id: 'audit:lodash',
      title: 'lodash: Prototype Pollution (critical)',
      weight: 'high',
      body: 'critical: Prototype Pollution; mended in lodash 4.17.21',
      url,
    },
    {
      id: 'audit:outer',
      title: 'outer: by way of lodash (moderate)',
      weight: 'normal',
      body: 'moderate: by way of lodash',
      url: undefined,
    },
    { id: 'audit:tiny', title: 'tiny: Slow pattern (low)', weight: 'low', body: 'low: Slow pattern', url },
  ])
})

test('pnpm’s and yarn’s, by the lock file', async () => {
  const advisory = {
    module_name: 'qs',
    severity: 'high',
    title: 'Memory',
    url: 'https://x.example/1',
    patched_versions: '>=6',
  }
  const pnpm = await audit(['pnpm-lock.yaml', 'package-lock.json'], {
    advisories: { 1: advisory, 2: { ...advisory, title: 'Other', severity: 'low' } },
  })
  expect(pnpm.argv).toBe('pnpm audit --json')
  expect(found(pnpm)).toEqual([
    expect.objectContaining({
      title: 'qs: Memory (high)',
      body: 'high: Memory; mended in >=6\nlow: Other; mended in >=6',
    }),
  ])
  const lines = [
    { type: 'auditAdvisory', data: { advisory } },
    { type: 'auditSummary', data: {} },
  ].map((one) => JSON.stringify(one))
  const yarn = await audit(['yarn.lock'], lines.join('\n'))
  expect(yarn.argv).toBe('yarn audit --json')
  expect(found(yarn)).toEqual([expect.objectContaining({ id: 'audit:qs', weight: 'high' })])
  const berry = { value: 'qs', children: { ID: 1, Issue: 'Memory', Severity: 'moderate', URL: 'https://x.example/1' } }
  const modern = await audit(['yarn.lock', '.yarnrc.yml'], berry)
  expect(modern.argv).toBe('yarn npm audit --all --recursive --json')
  expect(found(modern)).toEqual([expect.objectContaining({ title: 'qs: Memory (moderate)', weight: 'normal' })])
})

test('nothing known is nothing found', async () => {
  expect(found(await audit(['package-lock.json'], { vulnerabilities: {} }, { exitCode: 0 }))).toEqual([])
})

test('why there is no audit is said: no lock file, no network, no program, no sense', async () => {
  expect((await audit(['package.json'], '')).seen).toEqual({ why: 'no lock file of npm, pnpm or yarn' })
  const offline = { error: { code: 'ENOTFOUND', summary: 'request to https://registry.npmjs.org failed', detail: '' } }
  expect((await audit(['package-lock.json'], offline)).seen).toEqual({
    why: 'npm audit gave no answer: request to https://registry.npmjs.org failed',
  })
  expect((await audit(['yarn.lock'], '', { exitCode: null, error: 'command not found: yarn' })).seen).toEqual({
    why: 'yarn audit: command not found: yarn',
  })
  expect((await audit(['package-lock.json'], '', { stderr: 'npm error\n' })).seen).toEqual({
    why: 'npm audit gave no answer: npm error',
  })
  expect((await audit(['package-lock.json'], '[1,2]')).seen).toEqual({
    why: 'npm audit gave no answer: its report is not understood',
  })
  expect((await audit(['package-lock.json'], '{"vulnerabilities":3}')).seen).toHaveProperty('why')
})

test('a directory with the name of a lock file is none', async () => {
  using folder = scratch()
  mkdirSync(join(folder.path, 'package-lock.json'))
  const source = auditSource({ options: { cwd: folder.path }, run: () => Promise.reject(new Error('asked')) })
  expect(await source.look({ signal: new AbortController().signal })).toHaveProperty('why')
})

test.each(['package-lock.json', 'pnpm-lock.yaml', 'yarn.lock'])(
  'what a project with %s brings along is not run',
  async (lock) => {
    const { env } = await audit([lock], {})
    expect(env).toMatchObject({
      YARN_IGNORE_PATH: '1',
      npm_config_ignore_pnpmfile: 'true',
      npm_config_ignore_scripts: 'true',
    })
    expect(env.YARN_RC_FILENAME).not.toBe('.yarnrc.yml')
  },
)
