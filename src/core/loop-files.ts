/** What the loop file of a folder may be called; the first that is there counts: one that somebody brought before the one `init` writes. */
export const loopFileNames: readonly string[] = ['openloop.json', 'loop.yaml', 'loop.yml', 'loop.json']

/** Whether a run, not its work, writes this file of a loop folder; the path is relative to the folder, with `/`. */
export function isKeptByRun(path: string): boolean {
  return /^(?:\.?(?:heartbeat\.json|progress\.md)(?:\.\d+\.tmp)?|\.loopwright\.lock[^/]*|(?:logs|artifacts|output)\/.*|knowledge\/lessons\.md)$/s.test(
    path,
  )
}
