import { type Git, line } from './git.ts'

/**
 * How the user wants ssh started: `core.sshCommand` of their own configuration, includes for this place counted. What the repository
 * configures is not looked at: it came with somebody else's files. Undefined where they say nothing.
 */
export async function userSsh(git: Git, project: string): Promise<string | undefined> {
  const args = ['config', '--global', '--includes', '--get', 'core.sshCommand']
  const seen = await git.user({ cwd: project }, args, { ok: [0, 1, 128, 129] })
  const command = line(seen.stdout).trim()
  return seen.code === 0 && command !== '' ? command : undefined
}
