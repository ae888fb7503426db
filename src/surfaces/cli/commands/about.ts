import { lstatSync } from 'node:fs'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { App } from '../../../app.ts'
import { backendFacts } from '../../../compose/look.ts'
import { requirePerson } from '../../../compose/person.ts'
import { explainConfig, loadSpecFile, type SourceFile } from '../../../config.ts'
import { LoopwrightError } from '../../../core/errors.ts'
import { oneLine, pad, plainText } from '../../../core/plain.ts'
import type { Isolation } from '../../../core/ports.ts'
import { guessCheck } from '../../../core/project.ts'
import { instructionsText, promptsText } from '../../../formats/instructions.ts'
import { configTemplate, gitignoreTemplate, goalTemplate } from '../../../formats/templates.ts'
import { canAsk, type Io, note, print, styleOf } from '../io.ts'
import { wrong } from '../problem.ts'
import { withApp } from '../session.ts'

/** `loopwright init`: never overwrites. */
export async function init(io: Io): Promise<number> {
  const top = join(io.cwd, '.loopwright')
  for (const path of [top, join(top, 'loops')]) {
    // A repository that somebody else made must not choose where files are written.
    if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink()) {
      throw new LoopwrightError('bad_input', `${path} is a link`, { hint: 'make it a directory of its own' })
    }
  }
  const check = await checkOf(io.cwd)
  const goal = check === undefined ? goalTemplate : goalTemplate.replace('- npm test', `- ${check}`)
  const files = [
    ['config.yaml', configTemplate],
    ['.gitignore', gitignoreTemplate],
    ['loops/goal.yaml', goal],
  ] as const
  for (const [name, text] of files) {
    const path = join(top, name)
    try {
      await mkdir(dirname(path), { recursive: true })
      await writeFile(path, text, { flag: 'wx' })
      print(io, `made   .loopwright/${name}`)
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw cannotWrite(path, error)
      print(io, `kept   .loopwright/${name}`)
    }
  }
  note(io, 'next: write your goal into .loopwright/loops/goal.yaml, then loopwright run .loopwright/loops/goal.yaml')
  return 0
}

/** `loopwright agents`. */
export async function agents(io: Io, flags: { readonly json?: boolean }): Promise<number> {
  return await withApp(io, async (app) => {
    if (flags.json) {
      print(io, JSON.stringify(await backendFacts(app)))
      return 0
    }
    const all = await app.agents.list()
    let found: string | undefined
    let why = ''
    try {
      const choice = app.agents.choose()
      found = choice.name
      why = choice.because
    } catch (error) {
      if (!(error instanceof LoopwrightError)) throw error
      why = error.message
    }
    const style = styleOf(io.env, io.stdout)
    for (const one of all.filter((each) => each.available || each.kind !== 'acp')) {
      const mark = one.available ? style.green('✓') : style.dim('·')
      const what = one.available
        ? [one.version, loginText(one), one.path, one.error].filter(Boolean).join('  ')
        : (one.error ?? 'not installed')
      print(io, `${mark} ${pad(one.name, 14)} ${style.dim(oneLine(what === '' ? one.kind : what, 160))}`)
    }
    note(io, found === undefined ? plainText(why) : `auto picks ${found}: ${plainText(why)}`)
    return 0
  })
}

type Listing = Awaited<ReturnType<App['agents']['list']>>[number]

/** Whether somebody is logged in, as far as it can be told without a call. */
export function loginText({ login }: Listing): string | undefined {
  if (login === undefined) return undefined
  const by = login.by === undefined ? '' : ` (${login.by})`
  return { yes: `logged in${by}`, no: `not logged in${by}`, unknown: 'login not known' }[login.state]
}

/** `loopwright instructions`. */
export function instructions(io: Io, flags: { readonly prompts?: boolean }): number {
  print(io, (flags.prompts ? promptsText() : instructionsText()).trimEnd())
  return 0
}

/** `loopwright config`. */
export async function config(io: Io, flags: { readonly json?: boolean }): Promise<number> {
  return await withApp(io, async (app) => {
    const rows = explainConfig(app.config)
    if (flags.json) {
      print(io, JSON.stringify({ project: app.config.project, values: rows }))
      return 0
    }
    const style = styleOf(io.env, io.stdout)
    const [first, second] = [
      Math.max(...rows.map((row) => row.key.length)),
      Math.min(50, Math.max(...rows.map((row) => row.value.length))),
    ]
    for (const row of rows) {
      print(
        io,
        `${pad(row.key, first)}  ${pad(oneLine(row.value, 200), second)}  ${style.dim(oneLine(row.source, 200))}`,
      )
    }
    return 0
  })
}

/** `loopwright trust`. */
export async function trust(
  io: Io,
  names: readonly string[],
  flags: { readonly yes?: boolean; readonly base?: string; readonly isolation?: Isolation },
): Promise<number> {
  return await withApp(io, async (app) => {
    const named: SourceFile[] = []
    for (const name of names) named.push((await loadSpecFile(resolve(io.cwd, name))).source)
    const ofAgents = await app.trust.filesForAgents(flags)
    const files = [...(app.config.projectFile ? [app.config.projectFile] : []), ...named, ...ofAgents]
    if (files.length === 0) wrong('there is nothing to trust', 'name a loop file: loopwright trust loops/fix.yaml')
    const { untrusted } = await app.trust.state(files)
    if (untrusted.length === 0) {
      print(io, 'all trusted already')
      return 0
    }
    requirePerson(app.config, 'trust what can run commands')
    for (const one of untrusted) print(io, `${oneLine(one.path, 300)} (${one.why})`)
    if (!flags.yes) {
      if (!canAsk(io)) wrong('nobody is there to say yes', 'read the files, then add --yes')
      const { askYes } = await import('../prompts.ts')
      if (!(await askYes(io, 'Do you trust these files to run commands on this machine?'))) return 130
    }
    await app.trust.give(files)
    print(io, 'trusted as they are now')
    return 0
  })
}

async function checkOf(cwd: string): Promise<string | undefined> {
  const files = await readdir(cwd)
  const text = await readFile(join(cwd, 'package.json'), 'utf8').catch(() => '{}')
  try {
    const parsed: unknown = JSON.parse(text)
    const scripts = typeof parsed === 'object' && parsed !== null && 'scripts' in parsed ? parsed.scripts : undefined
    return guessCheck(files, typeof scripts === 'object' && scripts !== null ? { ...scripts } : {})
  } catch {
    return guessCheck(files)
  }
}

function cannotWrite(path: string, error: unknown): LoopwrightError {
  const why = error instanceof Error ? error.message : String(error)
  return new LoopwrightError('bad_input', `${path}: cannot be made: ${why}`, { cause: error })
}
