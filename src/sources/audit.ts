import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { oneLine } from '../core/plain.ts'
import type { CommandOptions, RunCommand } from '../core/ports.ts'
import type { Finding } from '../core/triage/finding.ts'
import type { Source } from '../core/triage/ports.ts'
import { type Look, source } from './look.ts'

export interface AuditOptions {
  readonly run: RunCommand
  /** The top of the project, and how the package manager is confined: it reads the project's own settings. */
  readonly options: Omit<CommandOptions, 'signal'>
}

/** A dependency with a known fault. */
interface Advisory {
  readonly name: string
  readonly severity: string
  readonly title: string
  readonly url?: string | undefined
  readonly fix?: string | undefined
}

interface Manager {
  readonly lock: string
  readonly argv: readonly string[]
}

const managers: readonly Manager[] = [
  { lock: 'pnpm-lock.yaml', argv: ['pnpm', 'audit', '--json'] },
  { lock: 'yarn.lock', argv: ['yarn', 'audit', '--json'] },
  { lock: 'package-lock.json', argv: ['npm', 'audit', '--json'] },
  { lock: 'npm-shrinkwrap.json', argv: ['npm', 'audit', '--json'] },
]

/**
 * A look must not run what a project brings along: another yarn by `yarnPath`, plugins of yarn by its settings, hooks of pnpm by a
 * `.pnpmfile.cjs`, scripts.
 */
const nothingOfTheProject = {
  YARN_IGNORE_PATH: '1',
  YARN_RC_FILENAME: '.yarnrc.none.yml',
  YARN_ENABLE_SCRIPTS: 'false',
  npm_config_ignore_pnpmfile: 'true',
  npm_config_ignore_scripts: 'true',
}

const mostChars = 16 * 1024 * 1024
const severities = ['info', 'low', 'moderate', 'high', 'critical']

/** Dependencies with known faults, by the package manager whose lock file lies at the top of the project. */
export function auditSource({ run, options }: AuditOptions): Source {
  return source('audit', async (signal): Promise<Look> => {
    const manager = await managerOf(options.cwd)
    if (manager === undefined) return { why: 'no lock file of npm, pnpm or yarn' }
    const [program = ''] = manager.argv
    const seen = await run(
      { name: manager.argv.join(' '), argv: manager.argv },
      {
        timeoutMs: 180_000,
        ...options,
        env: { ...options.env, ...nothingOfTheProject },
        signal,
        tailChars: mostChars,
      },
    )
    if (seen.exitCode === null || seen.exitCode === 127)
      return { why: `${program} audit: ${seen.error ?? 'it did not run'}` }
    const found = read(seen.stdout)
    if (typeof found !== 'string') return { findings: byPackage(found, manager.lock) }
    const said = oneLine(found || seen.stderr, 200)
    return { why: `${program} audit gave no answer${said === '' ? '' : `: ${said}`}` }
  })
}

async function managerOf(cwd: string): Promise<Manager | undefined> {
  for (const manager of managers) {
    const found = await stat(join(cwd, manager.lock)).catch(() => undefined)
    if (!found?.isFile()) continue
    const isModern = manager.lock === 'yarn.lock' && (await stat(join(cwd, '.yarnrc.yml')).catch(() => undefined))
    return isModern ? { ...manager, argv: ['yarn', 'npm', 'audit', '--all', '--recursive', '--json'] } : manager
  }
  return undefined
}

/** The advisories, or why there are none to be had. */
function read(output: string): Advisory[] | string {
  const whole = parse(output)
  if (whole !== undefined) return fromReport(whole)
  const lines = output.split('\n').filter((text) => text.trim() !== '')
  const values = lines.map(parse)
  if (values.length === 0 || values.every((value) => value === undefined)) return ''
  return values.flatMap((value) => fromLine(value) ?? [])
}

const text = z.string().transform((value) => oneLine(value, 200))
const report = z.object({
  error: z
    .object({ summary: z.string().nullish(), message: z.string().nullish(), code: z.string().nullish() })
    .optional(),
  message: z.string().optional(),
  vulnerabilities: z
    .record(
      z.string(),
      z.object({
        severity: text,
        via: z.array(z.union([z.string(), z.object({ title: text.nullish(), url: z.string().nullish() })])),
        fixAvailable: z.union([z.boolean(), z.object({ name: text, version: text })]).optional(),
      }),
    )
    .optional(),
  advisories: z
    .record(
      z.string(),
      z.object({
        module_name: text,
        severity: text,
        title: text,
        url: z.string().nullish(),
        patched_versions: text.nullish(),
      }),
    )
    .optional(),
})

/** What npm 7 and later, pnpm, and yarn 2 and 3 print: one object. */
function fromReport(value: unknown): Advisory[] | string {
  const line = fromLine(value)
  if (line !== undefined) return [line]
  const { success, data } = report.safeParse(value)
  if (!success) return 'its report is not understood'
  if (data.error !== undefined) return data.error.summary || data.error.message || data.error.code || data.message || ''
  if (data.vulnerabilities !== undefined) {
    return Object.entries(data.vulnerabilities).map(([name, { severity, via, fixAvailable }]) => {
      const own = via.find((one) => typeof one === 'object')
      const through = via.filter((one) => typeof one === 'string').join(', ')
      const fix = typeof fixAvailable === 'object' ? `${fixAvailable.name} ${fixAvailable.version}` : undefined
      return { name, severity, title: own?.title ?? `by way of ${through}`, url: own?.url ?? undefined, fix }
    })
  }
  if (data.advisories !== undefined) {
    return Object.values(data.advisories).map((one) => ({
      name: one.module_name,
      severity: one.severity,
      title: one.title,
      url: one.url ?? undefined,
      fix: one.patched_versions ?? undefined,
    }))
  }
  return data.message ?? 'its report is not understood'
}

const classic = z.object({
  type: z.literal('auditAdvisory'),
  data: z.object({ advisory: z.object({ module_name: text, severity: text, title: text, url: z.string().nullish() }) }),
})
const modern = z.object({
  value: text,
  children: z.object({ Issue: text, Severity: text, URL: z.string().nullish() }),
})

/** What yarn 1 and yarn 4 print: an object a line. */
function fromLine(value: unknown): Advisory | undefined {
  const old = classic.safeParse(value)
  if (old.success) {
    const { module_name, severity, title, url } = old.data.data.advisory
    return { name: module_name, severity, title, url: url ?? undefined }
  }
  const { success, data } = modern.safeParse(value)
  if (!success) return undefined
  return {
    name: data.value,
    severity: data.children.Severity,
    title: data.children.Issue,
    url: data.children.URL ?? undefined,
  }
}

/** One finding a package, as grave as its gravest fault. */
function byPackage(advisories: readonly Advisory[], lock: string): Finding[] {
  const grave = (severity: string) => severities.indexOf(severity.toLowerCase())
  const packages = Map.groupBy(advisories, ({ name }) => name)
  return [...packages].map(([name, all]) => {
    const worst = all.toSorted((a, b) => grave(b.severity) - grave(a.severity))[0] ?? { severity: '', title: '' }
    const level = grave(worst.severity)
    const url = all.find((one) => /^https:\/\/[!-~]{1,500}$/.test(one.url ?? ''))?.url
    return {
      id: `audit:${name}`,
      source: 'audit',
      title: `${name}: ${worst.title} (${worst.severity})`,
      body: all
        .map((one) => `${one.severity}: ${one.title}${one.fix === undefined ? '' : `; mended in ${one.fix}`}`)
        .join('\n'),
      ...(url === undefined ? {} : { url }),
      paths: ['package.json', lock],
      weight: level >= 3 ? 'high' : level === 2 ? 'normal' : 'low',
    } as const
  })
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}
