import { randomUUID } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, realpathSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** A way in which processes hang together. All of its processes stay in the folder it is started in, by which they are found. */
export interface Shape {
  readonly name: string
  /** Scripts it needs, by file name. */
  readonly files?: Readonly<Record<string, string>>
  /** The root, for `/bin/sh -c`; `NODE` stands for this Node. */
  readonly shell: string
  /** How many of its processes live at least when it stands. */
  readonly processes: number
}

const ignoreTerm = "trap '' TERM HUP INT"

/** The shapes that escape who only kills a process, its group or its children. */
export const shapes: readonly Shape[] = [
  { name: 'a plain child', shell: 'sleep 1000; true', processes: 2 },
  {
    name: 'children and grandchildren',
    shell: 'sh -c "sleep 1000 & sleep 1000; true" & sleep 1000; true',
    processes: 5,
  },
  { name: 'sessions of their own', shell: 'setsid sleep 1000 & setsid sh -c "sleep 1000; true" & wait', processes: 4 },
  {
    name: 'a daemon by double fork, its pipes closed',
    shell: '(setsid sh -c "sleep 1000 </dev/null >/dev/null 2>&1 & exit" &) & sleep 1000; true',
    processes: 3,
  },
  {
    name: 'nohup in the background',
    shell: 'nohup sleep 1000 >/dev/null 2>&1 & nohup sh -c "sleep 1000; true" >/dev/null 2>&1 & wait',
    processes: 4,
  },
  {
    name: 'a storm of forks',
    files: { 'storm.sh': `${ignoreTerm}\nwhile :; do setsid -f sleep 1000; sleep 0.02; done\n` },
    shell: 'sh ./storm.sh & setsid sh ./storm.sh & sleep 1000; true',
    processes: 8,
  },
  { name: 'one that ignores TERM', shell: `${ignoreTerm}; while :; do sleep 1000; done`, processes: 2 },
  {
    name: 'holders of the pipe whose parent has ended',
    shell: 'sh -c "sleep 1000 & setsid -f sleep 1000"; exec sleep 1000',
    processes: 3,
  },
  {
    name: 'stopped processes',
    shell: 'sleep 1000 & kill -STOP $!; setsid sh -c "kill -STOP \\$\\$; true" & sleep 1000; true',
    processes: 4,
  },
  {
    name: 'a zombie for a parent',
    shell: '(sleep 1000 & setsid sleep 1000 & exit) & exec sleep 1000',
    processes: 3,
  },
  {
    name: 'a session of its own under another name',
    files: {
      'renamed.mjs': `import { spawn } from 'node:child_process'
process.title = 'kworker/0:1'
spawn('/bin/sh', ['-c', 'sleep 1000; true'], { argv0: '[kthreadd]', detached: true, stdio: 'ignore' }).unref()
setInterval(() => {}, 1000)
`,
    },
    shell: 'setsid NODE ./renamed.mjs & sleep 1000; true',
    processes: 5,
  },
  {
    name: 'a deep chain of shells with pipes',
    files: { 'deep.sh': 'if [ "$1" -gt 0 ]; then sh ./deep.sh $(($1 - 1)) | cat; else sleep 1000; fi\n' },
    shell: 'sh ./deep.sh 6; true',
    processes: 15,
  },
  {
    name: 'emptied environments',
    shell: 'env -i sleep 1000 & setsid env -i sh -c "sleep 1000; true" & env -i setsid -f sleep 1000; sleep 1000; true',
    processes: 6,
  },
]

/**
 * It empties its environment, closes its pipes and leaves its parent and its session, all before anybody can look: nothing tells whose it
 * is. Only a sandbox, with process ids of its own, keeps it in.
 */
export const vanishing: Shape = {
  name: 'one that leaves without a trace',
  shell: 'env -i setsid -f sh -c "setsid -f sleep 1000; sleep 1000; true" </dev/null >/dev/null 2>&1; sleep 1000; true',
  processes: 5,
}

/** A shape that stands in a folder of its own, and a look at who of it lives, which knows nothing of how trees are followed. */
export interface Stand {
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  readonly shell: string
  readonly alive: () => number[]
}

/** Lays a shape out in a new folder below `directory`. */
export function stand(shape: Shape, directory: string): Stand {
  const cwd = realpathSync(mkdtempSync(join(directory, 'tree-')))
  for (const [name, text] of Object.entries(shape.files ?? {})) writeFileSync(join(cwd, name), text)
  const mark = randomUUID()
  return {
    cwd,
    env: { PATH: process.env.PATH ?? '', TREE_MARK: mark },
    shell: shape.shell.replaceAll('NODE', `'${process.execPath}'`),
    alive: () => inside(cwd, mark),
  }
}

/** Everything that stands in a folder or carries a mark; zombies are dead. */
function inside(cwd: string, mark: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((name) => {
      try {
        const state = readFileSync(`/proc/${name}/stat`, 'latin1').split(') ').at(-1)?.[0]
        if (state === 'Z' || state === 'X') return false
        return readlinkSync(`/proc/${name}/cwd`) === cwd || readFileSync(`/proc/${name}/environ`, 'utf8').includes(mark)
      } catch {
        return false
      }
    })
    .map(Number)
}
