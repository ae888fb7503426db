import { z } from 'zod'
import { oneLine, plainText } from '../core/plain.ts'
import type { ForgeCiRun, ForgeComment, ForgeIssue, ForgePull } from '../core/triage/ports.ts'

/** Characters of a body that are kept; the rest of it can be read on the page. */
const mostBody = 20_000
const mostLabels = 50

const author = z
  .object({ login: z.string() })
  .nullish()
  .transform((user) => oneLine(user?.login ?? 'ghost', 60))
const at = z
  .string()
  .nullish()
  .transform((text) => {
    const time = Date.parse(text ?? '')
    return Number.isFinite(time) ? time : 0
  })
const title = z.string().transform((text) => oneLine(text, 250))
const body = z
  .string()
  .nullish()
  .transform((text) => bounded(text ?? ''))
const url = z.string().transform((text) => (/^https?:\/\/[!-~]{1,2000}$/.test(text) ? text : ''))
const name = z.string().transform((text) => oneLine(text, 200))
const labels = z
  .array(z.union([z.string(), z.object({ name: z.string().nullish() })]))
  .nullish()
  .transform((all) =>
    (all ?? []).slice(0, mostLabels).flatMap((one) => {
      const text = oneLine(typeof one === 'string' ? one : (one.name ?? ''), 100)
      return text === '' ? [] : [text]
    }),
  )
const repository = z
  .object({ full_name: z.string() })
  .nullish()
  .transform((one) => one?.full_name)

const issue = z.object({
  number: z.number().int().positive(),
  title,
  body,
  html_url: url,
  user: author,
  labels,
  updated_at: at,
  pull_request: z.unknown().optional(),
})

const pull = issue.extend({
  draft: z.boolean().nullish(),
  head: z.object({ ref: name, sha: name, repo: repository }),
  base: z.object({ ref: name }),
})

const run = z.object({
  id: z.number().int(),
  name: name.nullish(),
  workflow_id: z.number().int(),
  head_branch: name.nullish(),
  head_sha: name,
  event: z.string(),
  status: z.string().nullish(),
  conclusion: z.string().nullish(),
  html_url: url,
  updated_at: at,
  head_repository: repository,
})

const comment = z.object({
  id: z.number().int(),
  user: author,
  body,
  html_url: url,
  created_at: at,
  submitted_at: at,
  path: z.string().nullish(),
  line: z.number().int().nullish(),
  state: z.string().nullish(),
})

/** Issues and pull requests, of which only the labels are asked. */
export const labelsShape = z.array(z.object({ labels }))

/** A text from outside: plain, and not longer than we want to keep. */
function bounded(text: string): string {
  const kept = plainText(text.slice(0, mostBody))
  return text.length > mostBody ? `${kept}\n…` : kept
}

/** An issue; undefined for what is none: a pull request, or not understood. */
export function readIssue(value: unknown): ForgeIssue | undefined {
  const { success, data } = issue.safeParse(value)
  return success && data.pull_request == null ? common(data) : undefined
}

function common(data: z.infer<typeof issue>): ForgeIssue {
  return {
    number: data.number,
    title: data.title,
    body: data.body,
    url: data.html_url,
    author: data.user,
    labels: data.labels,
    updatedAt: data.updated_at,
  }
}

/** A pull request. The branch of a fork is `owner:branch`, which no branch of the repository itself can be called. */
export function readPull(value: unknown, ours: string): ForgePull | undefined {
  const { success, data } = pull.safeParse(value)
  if (!success) return undefined
  return {
    ...common(data),
    branch: branchOf(data.head.ref, data.head.repo, ours),
    base: data.base.ref,
    draft: data.draft === true,
    head: data.head.sha,
  }
}

/** A run with what is needed to tell whose it is. */
export function readRun(value: unknown, ours: string) {
  const { success, data } = run.safeParse(value)
  if (!success) return undefined
  const seen: ForgeCiRun = {
    id: data.id,
    workflow: data.name ?? `workflow ${data.workflow_id}`,
    branch: branchOf(data.head_branch ?? '', data.head_repository, ours),
    head: data.head_sha,
    url: data.html_url,
    conclusion: conclusionOf(data.status ?? '', data.conclusion ?? ''),
    updatedAt: data.updated_at,
  }
  return { run: seen, workflowId: data.workflow_id, event: data.event }
}

/** A comment; undefined for one without words (an approval, say). */
export function readComment(value: unknown): ForgeComment | undefined {
  const { success, data } = comment.safeParse(value)
  if (!success || data.body.trim() === '') return undefined
  return {
    id: data.id,
    author: data.user,
    body: data.body,
    url: data.html_url,
    createdAt: data.created_at || data.submitted_at,
    ...(data.path == null ? {} : { path: oneLine(data.path, 500) }),
    ...(data.line == null ? {} : { line: data.line }),
    ...(data.state === 'APPROVED' ? { approves: true } : {}),
  }
}

export const repositoryShape = z.object({ default_branch: z.string().min(1).max(250) })
export const permissionShape = z.object({ permission: z.string(), role_name: z.string().nullish() })
export const openedShape = z.object({ number: z.number().int().positive(), html_url: url })

function branchOf(branch: string, from: string | undefined, ours: string): string {
  if (from?.toLowerCase() === ours.toLowerCase()) return branch
  return `${from?.split('/')[0] ?? 'unknown'}:${branch}`
}

function conclusionOf(status: string, conclusion: string): ForgeCiRun['conclusion'] {
  if (status !== 'completed') return 'running'
  if (conclusion === 'success' || conclusion === 'cancelled') return conclusion
  return ['failure', 'timed_out', 'startup_failure'].includes(conclusion) ? 'failure' : 'other'
}
