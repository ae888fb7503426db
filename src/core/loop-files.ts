/** What the loop file of a folder may be called; the first that is there counts: one that somebody brought before the one `init` writes. */
export const loopFileNames: readonly string[] = ['openloop.json', 'loop.yaml', 'loop.yml', 'loop.json']
