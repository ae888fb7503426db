import { memoryWorkspaces } from '../../src/workspace/memory.ts'
import { workspacesContract } from './workspaces.ts'

workspacesContract('memory', (files) => {
  const workspaces = memoryWorkspaces()
  const [project, other, plain] = ['/project', '/other', '/plain']
  workspaces.lay(project, files)
  workspaces.lay(other, { 'a.txt': 'one\n' })
  workspaces.lay(plain, {}, { repository: false })
  return {
    workspaces,
    project,
    other,
    plain,
    write: workspaces.write,
    read: workspaces.read,
    remove: workspaces.remove,
    show: (branch, path) => workspaces.show(project, branch, path),
    [Symbol.dispose]: () => {},
  }
})
