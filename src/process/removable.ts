import { chmod, lstat, readdir, rename } from 'node:fs/promises'
import { join } from 'node:path'

/** In characters: half of what the kernel takes as one path, so that a name and what is below it still fit. */
const longest = 2000

/**
 * Makes a directory removable that a program has made hard to remove: opens what its owner may not write, and brings what lies so deep that
 * no path names it any more up to the top (a program gets there step by step, and we do not). Links are not followed. Never rejects.
 */
export async function makeRemovable(root: string): Promise<void> {
  const top = await lstat(root).catch(() => undefined)
  const open = top?.isDirectory() === true ? [root] : []
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    await chmod(path, 0o700).catch(() => undefined)
    for (const entry of await readdir(path, { withFileTypes: true }).catch(() => [])) {
      if (!entry.isDirectory()) continue
      const inside = join(path, entry.name)
      open.push(inside.length - root.length < longest ? inside : await lift(root, inside))
    }
  }
}

async function lift(root: string, path: string): Promise<string> {
  for (let at = 0; ; at++) {
    const target = join(root, `.deep-${at}`)
    if ((await lstat(target).catch(() => undefined)) !== undefined) continue
    return rename(path, target).then(
      () => target,
      () => path,
    )
  }
}
