import { chmod, lstat, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'

/** Removes a directory a confined process wrote, also what it has made hard to remove. Never rejects: what stays is only left over. */
export async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true, maxRetries: 2 })
  } catch {
    await open(path)
    await rm(path, { recursive: true, force: true, maxRetries: 2 }).catch(() => undefined)
  }
}

// Without its owner's right to write, a directory cannot be emptied.
async function open(path: string): Promise<void> {
  try {
    if (!(await lstat(path)).isDirectory()) return
    await chmod(path, 0o700)
    for (const name of await readdir(path)) await open(join(path, name))
  } catch {
    // Gone, or not ours.
  }
}

/** A directory that many machines share holds processes of others, whose ids say nothing here: what is young may be theirs. */
const leftOverAfterMs = 24 * 3600 * 1000

/** Removes what calls of dead processes have left in a temporary directory more than a day ago. */
export async function sweepScratch(temporary: string): Promise<void> {
  for (const name of await readdir(temporary).catch(() => [])) {
    const pid = Number(/^loopwright-(\d+)-\w{6}$/.exec(name)?.[1] ?? 0)
    if (pid === 0 || isAlive(pid)) continue
    const path = join(temporary, name)
    const seen = await lstat(path).catch(() => undefined)
    if (seen?.isDirectory() !== true || seen.uid !== process.getuid?.()) continue
    if (Date.now() - seen.mtimeMs > leftOverAfterMs) await removeTree(path)
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}
