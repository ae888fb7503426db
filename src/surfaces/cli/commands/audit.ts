import { auditProject } from '../../../compose/triage/audit.ts'
import { oneLine, pad } from '../../../core/plain.ts'
import { type Audit, auditBadge, auditMarkdown, lowestScore } from '../../../core/triage/audit.ts'
import { type Io, print, styleOf } from '../io.ts'
import { wrong } from '../problem.ts'
import { directoryOf } from '../session.ts'

export interface AuditFlags {
  readonly json?: boolean
  readonly md?: boolean
  readonly suggest?: boolean
  readonly badge?: boolean
}

/** `loopwright audit`: exit code 2 below 40 points. */
export async function audit(io: Io, folder: string | undefined, flags: AuditFlags): Promise<number> {
  const shapes = [flags.json, flags.md, flags.suggest, flags.badge].filter((one) => one === true)
  if (shapes.length > 1) wrong('one of --json, --md, --suggest and --badge at a time')
  const found = await auditProject(directoryOf(io, folder))
  if (flags.json) print(io, JSON.stringify(found))
  else if (flags.md) print(io, auditMarkdown(found))
  else if (flags.badge) print(io, auditBadge(found))
  else printAudit(io, found, flags.suggest === true)
  return found.score < lowestScore ? 2 : 0
}

function printAudit(io: Io, { score, level, signals, suggestions, missing }: Audit, suggestOnly: boolean): void {
  const style = styleOf(io.env, io.stdout)
  if (!suggestOnly) {
    print(io, style.bold(`${score} / 100, ${level}`))
    for (const { name, found, of } of signals) {
      const mark = found === null ? style.yellow('✗') : style.green('✓')
      print(
        io,
        `  ${mark} ${pad(name, 26)} ${pad(String(of), 3)} ${found === null ? '' : style.dim(oneLine(found, 120))}`,
      )
    }
    if (missing.length > 0) print(io, `for the next level: ${missing.join(', ')}`)
  }
  for (const { points, text } of suggestOnly ? suggestions : suggestions.slice(0, 5)) print(io, `+${points}  ${text}`)
}
