import { mkdir, realpath, rename, stat, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isInside, readOptional } from '../../../config/paths.ts'
import { LoopwrightError, messageOf } from '../../../core/errors.ts'
import {
  type McpClient,
  type McpCommand,
  type McpScope,
  mcpClientBlock,
  mcpClientFile,
  withMcpServer,
} from '../../../formats/mcp-clients.ts'
import { canAsk, type Io, note, print } from '../io.ts'
import { wrong } from '../problem.ts'
import { withApp } from '../session.ts'

const launcher = fileURLToPath(new URL('../../../../bin/loopwright.mjs', import.meta.url))

/** Variables that say where state is: a client may give its servers few others. */
const carried = ['LOOPWRIGHT_HOME', 'XDG_STATE_HOME']

/** `loopwright mcp install`: shows what it would write into a client's configuration, and writes it. */
export async function install(
  io: Io,
  flags: { readonly client: McpClient; readonly scope?: McpScope; readonly yes?: boolean },
): Promise<number> {
  const { client, scope = 'user' } = flags
  const { project, home } = await withApp(io, async ({ config }) => ({
    project: config.project,
    home: config.userHome,
  }))
  const path = mcpClientFile(client, scope, { home, project, platform: process.platform, env: io.env })
  const server = scope === 'project' ? { command: 'loopwright', args: ['mcp', 'serve'], env: {} } : ours(io)
  // A repository that somebody else made must not choose where files are written.
  const before = await readOptional(path, scope === 'project' ? project : undefined)
  print(io, `${path}\n\n${mcpClientBlock(client, server)}`)
  const after = withMcpServer(client, before, server)
  if (after === before) {
    note(io, 'it stands there already')
    return 0
  }
  if (!flags.yes) {
    if (!canAsk(io)) wrong('nobody is there to say yes', 'look at the change, then add --yes')
    const { askYes } = await import('../prompts.ts')
    const how = before === undefined ? 'Make this file?' : 'Put this into the file? All else in it stays.'
    if (!(await askYes(io, how))) return 130
  }
  await replace(path, after, scope === 'project' ? project : undefined)
  note(io, `written; start ${client} anew, then ask it to use loopwright`)
  return 0
}

/** This very loopwright: a client started from a menu may not have it on its PATH. */
function ours(io: Io): McpCommand {
  const env = carried.flatMap((name): [string, string][] => {
    const value = io.env[name]
    return value === undefined || value === '' ? [] : [[name, value]]
  })
  return { command: process.execPath, args: [launcher, 'mcp', 'serve'], env: Object.fromEntries(env) }
}

async function replace(path: string, text: string, within: string | undefined): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true })
    const folder = await realpath(dirname(path))
    if (within !== undefined && !isInside(await realpath(within), folder))
      throw new Error('its folder is a link that leads out of the project')
    // A file of the user's own may be a link to where he keeps it; a repository's may not.
    const target = within === undefined ? await realpath(path).catch(() => path) : path
    const mode = await stat(target).then(
      (facts) => facts.mode & 0o777,
      () => 0o600,
    )
    const beside = `${target}.${process.pid}.tmp`
    await writeFile(beside, text, { flag: 'wx', mode })
    await rename(beside, target)
  } catch (error) {
    throw new LoopwrightError('bad_input', `${path}: cannot be written: ${messageOf(error)}`, { cause: error })
  }
}
