import type { Workspace } from '../../core/ports.ts'

/**
 * The workspace of a tick as its loop has it: what is committed there stays out of the user's repository until the gate has ruled
 * and the desk makes it visible.
 */
export function held(workspace: Workspace): Workspace {
  return new Proxy(workspace, {
    get(target, key) {
      if (key === 'publish') return async () => {}
      if (key === 'fork') return async (id: string) => held(await target.fork(id))
      return Reflect.get(target, key, target)
    },
  })
}
