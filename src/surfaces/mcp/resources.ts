import { join } from 'node:path'
import {
  type McpServer,
  ProtocolError,
  ProtocolErrorCode,
  type ReadResourceResult,
  ResourceNotFoundError,
  ResourceTemplate,
} from '@modelcontextprotocol/server'
import type { App } from '../../app.ts'
import { eventsAfter, findRun, listFacts, shownOf, statusOf, titleOf } from '../../compose/look.ts'
import { loopTemplates } from '../../config/loops.ts'
import { isLoopwrightError } from '../../core/errors.ts'
import { oneLine } from '../../core/plain.ts'
import type { RunRecord } from '../../core/ports.ts'
import { withToken } from './questions.ts'
import { type McpWorld, withApp } from './world.ts'

/** How many runs are listed, and completed. */
const listed = 50

const json = 'application/json'

interface OfRun {
  readonly name: string
  readonly title: string
  readonly description: string
  readonly mimeType: string
  readonly read: (app: App, run: RunRecord, world: McpWorld) => Promise<string>
}

/** What can be read of a run, below `loopwright://runs/{run}`. */
const ofRuns: readonly OfRun[] = [
  {
    name: 'run',
    title: 'A run',
    description: 'How a run stands and what it came to.',
    mimeType: json,
    read: async (app, run, world) =>
      JSON.stringify({ status: await statusOf(app, run), result: await withToken(world, await app.result(run.id)) }),
  },
  {
    name: 'events',
    title: 'Events of a run',
    description: 'What happened in a run, one JSON object a line.',
    mimeType: 'application/jsonl',
    read: async (app, run) => {
      const { events } = await eventsAfter(app, run, 0, 10_000)
      return events.map((event) => `${JSON.stringify(event)}\n`).join('')
    },
  },
  {
    name: 'diff',
    title: 'Diff of a run',
    description: 'The work of a run against its base.',
    mimeType: 'text/x-diff',
    read: async (app, run) => await app.diff(run.id, 1_000_000),
  },
  {
    name: 'report',
    title: 'Report of a run',
    description: 'A run as one page of HTML.',
    mimeType: 'text/html',
    read: async (app, run) => await app.report(run.id, join(app.runFolder(run), 'report.html')),
  },
]

/** Offers what clients can read: runs with their events, diffs and reports, and templates of loops. */
export function offerResources(server: McpServer, world: McpWorld): void {
  const recent = async (start = '') =>
    await withApp(world, {}, async (app) =>
      (await app.runs.list())
        .filter((run) => run.id.startsWith(start))
        .slice(0, listed)
        .map((run) => shownOf(app, run)),
    )

  server.registerResource(
    'runs',
    'loopwright://runs',
    { title: 'Runs', description: 'The newest runs on this machine.', mimeType: json },
    async (uri) => text(uri, json, JSON.stringify((await recent()).map(listFacts))),
  )
  for (const { name, title, description, mimeType, read } of ofRuns) {
    const end = name === 'run' ? '' : `/${name}`
    const list =
      name === 'run'
        ? async () => ({
            resources: (await recent()).map((run) => ({
              uri: `loopwright://runs/${run.id}`,
              name: run.id,
              title: `${run.status}: ${oneLine(titleOf(run), 100)}`,
              mimeType,
            })),
          })
        : undefined
    const complete = { run: async (start: string) => (await recent(start)).map(({ id }) => id) }
    server.registerResource(
      name,
      new ResourceTemplate(`loopwright://runs/{run}${end}`, { list, complete }),
      { title, description, mimeType },
      async (uri, { run }) =>
        await reading(uri, async () =>
          withApp(world, {}, async (app) =>
            text(uri, mimeType, await read(app, await findRun(app, String(run)), world)),
          ),
        ),
    )
  }
  const templates = loopTemplates()
  server.registerResource(
    'template',
    new ResourceTemplate('loopwright://templates/{name}', {
      list: () => ({
        resources: templates.map(({ name }) => ({
          uri: `loopwright://templates/${name}`,
          name,
          title: `A ${name} loop to begin with`,
          mimeType: 'application/yaml',
        })),
      }),
      complete: { name: (start) => templates.map(({ name }) => name).filter((name) => name.startsWith(start)) },
    }),
    { title: 'Template', description: 'A loop file to begin with.', mimeType: 'application/yaml' },
    async (uri, { name }) => {
      const found = templates.find((one) => one.name === name)
      if (!found) throw new ResourceNotFoundError(uri.href)
      return text(uri, 'application/yaml', found.text)
    },
  )
}

/** Reads; what is wrong is told as the protocol tells it. */
export async function reading<T>(uri: URL | string, read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    if (!isLoopwrightError(error)) throw error
    const hint = error.hint === undefined ? '' : `; ${error.hint}`
    throw new ProtocolError(ProtocolErrorCode.InvalidParams, `${error.message}${hint}`, { uri: String(uri) })
  }
}

function text(uri: URL, mimeType: string, content: string): ReadResourceResult {
  return { contents: [{ uri: uri.href, mimeType, text: content }] }
}
