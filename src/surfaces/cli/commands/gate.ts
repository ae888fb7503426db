import type { GateAnswer } from '../../../compose/triage/gate.ts'
import { messageOf } from '../../../core/errors.ts'
import { oneLine } from '../../../core/plain.ts'
import type { GateAction } from '../../../core/triage/gate.ts'
import type { PatchFinding } from '../../../core/triage/patch-scan.ts'
import { type Io, note, print, styleOf } from '../io.ts'
import { problemOf, problemText, wrong } from '../problem.ts'
import { withApp } from '../session.ts'

const actions: readonly GateAction[] = ['commit', 'merge', 'auto-merge']
const exitCodes = { allow: 0, escalate: 2, deny: 1 } as const

export interface GateFlags {
  readonly action?: string
  readonly paths?: readonly string[]
  readonly base?: string
  readonly gateFile?: string
  readonly json?: boolean
}

/** `loopwright gate check`: exit code 0 allowed, 2 a human decides, 1 refused or an error. */
export async function gateCheck(io: Io, flags: GateFlags): Promise<number> {
  return await withErrors(io, flags, async () => {
    const action = actions.find((one) => one === flags.action)
    if (action === undefined) return wrong(`--action takes ${actions.join(', ')}`, 'as in --action commit')
    if (flags.paths !== undefined && flags.base !== undefined) wrong('--paths and --base do not go together')
    const paths = flags.paths?.flatMap((text) => text.split(',')).filter((path) => path !== '')
    return await withApp(io, async (app) => {
      const answer = await app.gate.check({
        action,
        ...(paths === undefined ? {} : { paths }),
        ...{ base: flags.base, gateFile: flags.gateFile },
      })
      if (flags.json) print(io, JSON.stringify(gateJson(answer)))
      else printRuling(io, answer)
      return exitCodes[answer.decision]
    })
  })
}

/** `loopwright gate scan`: exit code 0 nothing found, 2 a human should look, 1 a secret or an error. */
export async function gateScan(
  io: Io,
  flags: { readonly base?: string; readonly stdin?: boolean; readonly json?: boolean },
): Promise<number> {
  return await withErrors(io, flags, async () => {
    if (flags.stdin && flags.base !== undefined) wrong('--stdin and --base do not go together')
    const diff = flags.stdin ? await readAll(io) : undefined
    return await withApp(io, async (app) => {
      const findings = await app.gate.scan(diff === undefined ? { base: flags.base } : { diff })
      if (flags.json) print(io, JSON.stringify(findings))
      else if (findings.length === 0) print(io, 'nothing found')
      else printFindings(io, findings)
      if (findings.some((one) => one.severity === 'deny')) return 1
      return findings.length > 0 ? 2 : 0
    })
  })
}

/** What programs are told. */
function gateJson(answer: GateAnswer) {
  const { decision, trigger, reason, matchedPaths, risks, findings, action, files, lines, policy } = answer
  return {
    ...{ allowed: decision === 'allow', trigger, reason, matchedPaths },
    ...{ decision, action, risks, findings, files, lines, policy },
  }
}

function printRuling(io: Io, answer: GateAnswer): void {
  const style = styleOf(io.env, io.stdout)
  const said = { allow: style.green('allowed'), escalate: style.yellow('a human decides'), deny: style.red('refused') }
  print(io, `${said[answer.decision]} (${answer.trigger}): ${oneLine(answer.reason, 400)}`)
  printFindings(io, answer.findings)
}

function printFindings(io: Io, findings: readonly PatchFinding[]): void {
  const style = styleOf(io.env, io.stdout)
  for (const { path, line, kind, severity, what, excerpt } of findings) {
    const mark = severity === 'deny' ? style.red(kind) : style.yellow(kind)
    const where = `${oneLine(path, 200)}${line > 0 ? `:${line}` : ''}`
    print(io, `${where}  ${mark}  ${what}${excerpt === '' ? '' : `  ${style.dim(excerpt)}`}`)
  }
}

const largest = 64 * 1024 * 1024

async function readAll(io: Io): Promise<string> {
  const decoder = new TextDecoder()
  const parts: string[] = []
  let size = 0
  for await (const part of io.stdin) {
    size += part.length
    if (size > largest) wrong(`the patch is too large, at most ${largest / 1024 / 1024} MiB`)
    parts.push(typeof part === 'string' ? part : decoder.decode(part, { stream: true }))
  }
  return parts.join('') + decoder.decode()
}

/** Here 2 stands for a human's decision, so what goes wrong is 1. */
async function withErrors(io: Io, flags: { readonly json?: boolean }, call: () => Promise<number>): Promise<number> {
  try {
    return await call()
  } catch (error) {
    const problem = problemOf(error)
    note(io, problemText(problem))
    if (flags.json) {
      const { code, message, hint } = problem
      const base = { allowed: false, trigger: 'error', reason: messageOf(error), matchedPaths: [] }
      print(io, JSON.stringify({ ...base, error: { code, message, hint } }))
    }
    return 1
  }
}
