// Looks through every file git tracks for what must not be published: keys, tokens, and paths of somebody's machine.
import { spawnSync } from 'node:child_process'
import { lstatSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

/** Each is split, or built of classes, so that this file does not find itself. */
const faults = [
  ['an Anthropic key', /\bsk-ant-(?:api|oat)\d{2}-[\w-]{40,}/],
  ['an OpenAI key', /\bsk-(?:proj-|svcacct-)?[A-Za-z0-9_]{40,}\b/],
  ['a GitHub token', /\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{50,})/],
  ['an npm token', /\bnpm_[A-Za-z0-9]{36}\b/],
  ['an AWS key', /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/],
  ['a Google key', /\bAIza[\w-]{35}\b/],
  ['a Slack token', /\bxox[abposr]-\d+-[\w-]{10,}/],
  [
    'a home folder',
    /(?<![\w.])\/(?:Users|home)\/(?!(?:user|me|you|someone|dev|ada|runner|x|u|a|name)\b)[a-z][\w.-]*\//,
  ],
]
/** A key's first line alone is a pattern or a test; one with its body after it, in lines or as `\\n` in a string, is a key. */
const privateKey =
  /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----(?:\s|\\n|[A-Z][\w-]+: [^\n\\]*)*[A-Za-z0-9+/]{40}/
/** Secrets that are made up, and say so: the tests of redaction need some. */
const madeUp = /example|fake|dummy|sample|0123456789|abcdef|aaaa|xxxx|1234/i

const listed = spawnSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' })
if (listed.status !== 0) throw new Error(`git ls-files failed: ${listed.error ?? listed.stderr}`)
const files = listed.stdout.split('\0').filter(Boolean)
const places = [root, homedir()].filter((path) => path.split('/').length > 2)
let found = 0
let read = 0
for (const file of files) {
  const entry = lstatSync(join(root, file), { throwIfNoEntry: false })
  if (!entry?.isFile()) continue
  read += 1
  const text = readFileSync(join(root, file), 'latin1')
  if (privateKey.test(text)) report(file, 'a private key')
  for (const [at, line] of text.split('\n').entries()) {
    for (const what of problemsOf(line)) report(`${file}:${at + 1}`, what)
  }
}
if (read === 0) throw new Error('git tracks no file here')
console.log(`${read} files looked through, ${found} problems`)
process.exitCode = found > 0 ? 1 : 0

function report(where, what) {
  found += 1
  console.error(`${where}: ${what}`)
}

function problemsOf(line) {
  const named = places.filter((place) => line.includes(`${place}/`)).map(() => 'a folder of this machine')
  const secret = faults.filter(([, pattern]) => {
    const hit = pattern.exec(line)
    return hit && !madeUp.test(hit[0])
  })
  return [...named, ...secret.map(([what]) => what)]
}
