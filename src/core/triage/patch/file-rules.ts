import { testFile } from './code-rules.ts'
import type { PatchFinding, PatchFindingKind } from './finding.ts'
import type { PatchFile } from './read.ts'

/** Files that people can look at, though no diff shows them. */
const pictures =
  /\.(?:png|jpe?g|gif|webp|ico|icns|avif|bmp|tiff?|svg|pdf|woff2?|ttf|otf|eot|mp[34]|webm|og[gv]|wav|flac|mov)$/i
/** What lies beside tests and is none. */
const noTest = /(?:^|\/)(?:fixtures?|__fixtures__|__snapshots__|testdata|snapshots)\/|\.(?:md|mdx|txt|rst|snap|png)$/i
const hooks = /(?:^|\/)\.git(?:\/|$)|(?:^|\/)\.(?:husky|githooks)\/|(?:^|\/)(?:git-hooks|githooks)\//i
const unseenName = /\p{Cc}|\p{Cf}/u

/** What a file's own facts say: its name, mode and kind. */
export function fileFindings(file: PatchFile): PatchFinding[] {
  const found: PatchFinding[] = []
  const note = (kind: PatchFindingKind, what: string, excerpt = '', line = 0) =>
    found.push({ path: file.path, line, kind, severity: 'escalate', what, excerpt })
  const first = file.added[0]?.text.split('\n', 1)[0]?.slice(0, 500)

  if (file.unclear !== undefined) note('unclear', `cannot be read: ${file.unclear}`)
  if (unseenName.test(file.path)) note('hidden_text', 'a name with characters that cannot be seen', file.path)
  if (file.state === 'deleted') {
    const path = file.oldPath ?? file.path
    if (testFile.test(path) && !noTest.test(path) && file.oldMode !== '120000')
      note('tests', 'a file of tests is deleted')
    return found
  }
  if (file.newMode === '160000') note('submodule', 'other code is taken in by its commit alone', first)
  if (/(?:^|\/)\.gitmodules$/i.test(file.path)) note('submodule', 'where other code comes from changes', first)
  if (file.newMode === '120000') {
    if (first === undefined) {
      if (file.state !== 'renamed' || file.path !== file.oldPath) note('symlink', 'a link, and nothing says where to')
    } else if (leaves(file.path, first))
      note('symlink', 'a link out of the repository, or to what is kept from agents', first, 1)
    else if (file.oldMode !== '120000' || file.state !== 'renamed')
      note('symlink', 'a link: what is behind it is not what its path says', first, 1)
  }
  if (hooks.test(file.path)) note('git_hook', 'runs by itself when people use git')
  if (file.binary && !(pictures.test(file.path) && file.newMode !== '100755'))
    note('binary', 'nobody can read what it holds')
  return found
}

/** Whether a link of this name leads out of the repository, into git's own folder, or to secrets. */
function leaves(path: string, target: string): boolean {
  if (/^(?:[/\\~]|[A-Za-z]:)/.test(target) || target.includes('\\')) return true
  const at = path.split('/').slice(0, -1)
  for (const part of target.split('/')) {
    if (part === '..') {
      if (at.pop() === undefined) return true
    } else if (part !== '' && part !== '.') at.push(part)
  }
  return at.some((part) => /^\.(?:git|env(?:\..*)?|ssh|aws|loopwright)$|^gate\.ya?ml$/i.test(part))
}
