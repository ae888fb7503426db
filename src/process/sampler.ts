import { hasProc, type ProcessRow } from './table.ts'
import type { ProcessTree } from './tree.ts'

/**
 * The first looks come fast, for what leaves its parent mostly does so early; then one every few seconds is enough to remember the rest. Where
 * a look means to run `ps`, short commands are spared it.
 */
const firstMs = hasProc ? 10 : 500
const slowestMs = 5000

/** How far apart looks at a tree are, in milliseconds, once they are as slow as they get. */
export function sampleInterval(stallMs: number | undefined): number {
  return stallMs === undefined ? slowestMs : Math.min(Math.max(stallMs / 10, 50), slowestMs)
}

/**
 * Looks at a tree again and again, so that it knows its processes also after they left their parents, and passes on what it saw. Trees look
 * at the same moments, and so share one look at the process table. Returns the way to stop.
 */
export function sample(
  tree: Pick<ProcessTree, 'members'>,
  intervalMs: number,
  onRows: (rows: readonly ProcessRow[]) => void,
): () => void {
  let timer: NodeJS.Timeout
  const later = (wait: number) => {
    const slow = wait >= intervalMs
    timer = setTimeout(look, slow ? intervalMs - (performance.now() % intervalMs) : wait, wait)
    timer.unref()
  }
  const look = (wait: number) => {
    onRows(tree.members())
    later(Math.min(wait * 3, intervalMs))
  }
  later(Math.min(firstMs, intervalMs))
  return () => clearTimeout(timer)
}
