import { lstat, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { makeRemovable } from '../removable.ts'

/** Removes a directory a confined process wrote, also what it has made hard to remove. Never rejects: what stays is only left over. */
export async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true, maxRetries: 2 })
  } catch {
    await makeRemovable(path)
    await rm(path, { recursive: true, force: true, maxRetries: 2 }).catch(() => undefined)
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
