import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, realpathSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { prepareLoop } from '../../config/prepare.ts'
import { environment } from '../../config/process-environment.ts'
import { LoopwrightError, messageOf } from '../../core/errors.ts'
import { colouredDiff } from './commands/work.ts'
import { demoFiles, demoScript } from './demo-files.ts'
import { driveHere } from './drive.ts'
import { type Io, note, print, styleOf } from './io.ts'
import { withApp } from './session.ts'

/**
 * `loopwright demo`: the goal loop on a small repository with a failing test, in a temporary folder, with scripted agents.
 * Needs git and nothing else; keeps its state beside the repository, not in the user's own.
 */
export async function demo(io: Io): Promise<number> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'loopwright-demo-')))
  const [repository, home, script] = [join(folder, 'shop'), join(folder, 'home'), join(folder, 'agents.yaml')]
  writeFileSync(script, demoScript)
  makeRepository(repository)
  // The check is run by the Node that runs us.
  const path = [dirname(process.execPath), io.env.PATH ?? ''].join(delimiter)
  const settings = Object.entries(io.env).filter(([name]) => !name.startsWith('LOOPWRIGHT_'))
  const env = {
    ...Object.fromEntries(settings),
    LOOPWRIGHT_HOME: home,
    XDG_CONFIG_HOME: join(folder, 'config'),
    PATH: path,
  }
  const own: Io = { ...io, cwd: repository, env }
  const out = styleOf(io.env, io.stderr)

  note(
    io,
    `${out.bold('A small shop, with tests that fail.')} Two agents at once, each in a worktree of its own, shall mend it.`,
  )
  note(
    io,
    out.dim(
      `repository ${repository}\nstate      ${home} (your own is not touched)\nagents     scripted, no key and no network\n`,
    ),
  )
  return await withApp(own, async (app) => {
    const { spec } = await prepareLoop({
      config: app.config,
      flags: {
        goal: 'Make the failing tests of the shop pass without changing the tests.',
        criteria: ['every test passes', 'amounts stay whole cents'],
        agent: `scripted:${script}`,
        verify: ['node --test'],
        'budget.iterations': 4,
        cleanup: 'auto',
      },
    })
    const run = await app.start({ spec, project: repository })
    const code = await driveHere(app, run.id, own, { show: 'auto', next: false })
    if (code !== 0) return code

    const style = styleOf(io.env, io.stdout)
    const branch = (await app.view(run.id)).workspace?.branch ?? `loopwright/${run.id}`
    print(io, `\n${style.bold('The branch')}`)
    print(io, git(repository, 'log', '--oneline', '--decorate=no', `main..${branch}`))
    print(io, `\n${style.bold('What changed')}`)
    print(io, git(repository, 'diff', '--stat', `main...${branch}`))
    print(io, `\n${colouredDiff(await app.diff(run.id), style).trimEnd()}`)
    const as = `LOOPWRIGHT_HOME=${quoted(home)} ${program()}`
    print(io, `\n${style.bold('Look further')}  ${style.dim(`(in ${repository})`)}`)
    for (const line of [
      `cd ${quoted(repository)}`,
      `${as} status ${run.id}`,
      `${as} tail ${run.id}`,
      `${as} merge ${run.id}     # take the work over`,
      `${as} fork ${run.id} --at 2     # another second iteration`,
      `rm -rf ${quoted(folder)}`,
    ]) {
      print(io, `  ${style.cyan(line)}`)
    }
    return 0
  })
}

function makeRepository(path: string): void {
  for (const [name, text] of Object.entries(demoFiles)) {
    mkdirSync(dirname(join(path, name)), { recursive: true })
    writeFileSync(join(path, name), text)
  }
  git(path, 'init', '--quiet', '--initial-branch=main')
  git(path, 'add', '--all')
  git(path, 'commit', '--quiet', '--message=A shop with two mistakes')
}

/** Git on the demo's own repository, whatever the user has configured. */
function git(cwd: string, ...args: string[]): string {
  const env = {
    ...(environment().PATH === undefined ? {} : { PATH: environment().PATH }),
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_AUTHOR_NAME: 'demo',
    GIT_AUTHOR_EMAIL: 'demo@localhost',
    GIT_COMMITTER_NAME: 'demo',
    GIT_COMMITTER_EMAIL: 'demo@localhost',
  }
  try {
    return execFileSync('git', ['--no-pager', ...args], {
      cwd,
      encoding: 'utf8',
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    }).trimEnd()
  } catch (error) {
    throw new LoopwrightError('missing_tool', `the demo needs git: ${messageOf(error).split('\n')[0]}`, {
      cause: error,
    })
  }
}

/** How loopwright is called where it is not installed: from its clone. */
function program(): string {
  const root = fileURLToPath(new URL('../../../', import.meta.url))
  return existsSync(join(root, 'src')) ? `node ${quoted(join(root, 'bin', 'loopwright.mjs'))}` : 'loopwright'
}

function quoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`
}
