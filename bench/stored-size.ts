import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { JournalEvent } from '../src/core/event.ts'
import { bareTable } from './bare.ts'
import { openEngine } from './engine.ts'
import type { Benchmark, Figure } from './figure.ts'
import { agentLoop, mockAgent } from './iteration-work.ts'
import { deviceBytes, scratch, sizeOf } from './place.ts'

interface Stored {
  /** The JSON of all events. */
  readonly payload: number
  /** The database after a checkpoint of its write-ahead log. */
  readonly database: number
  /** What went to the device for it, and for a bare append of the same rows; undefined where the system does not say. */
  readonly device: number | undefined
  readonly bareDevice: number | undefined
}

async function store(count: number): Promise<Stored> {
  using place = scratch()
  const loop = agentLoop(count, { marks: [] })
  const before = deviceBytes()
  const engine = await openEngine({ home: place.path, loops: [loop], agent: mockAgent() })
  const run = await engine.play(loop.name)
  const events = await engine.store.read(run.id)
  await engine.close()
  const between = deviceBytes()
  const db = new DatabaseSync(engine.database)
  db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  db.close()
  const bare = bareTable(join(place.path, 'bare.db'))
  const start = deviceBytes()
  const bodies = events.map(bodyOf)
  for (const body of bodies) bare.insert(body)
  bare.checkpoint()
  const after = deviceBytes()
  bare.close()
  return {
    payload: bodies.reduce((sum, body) => sum + Buffer.byteLength(body), 0),
    database: sizeOf(engine.database),
    device: before === undefined || between === undefined ? undefined : between - before,
    bareDevice: start === undefined || after === undefined ? undefined : after - start,
  }
}

function bodyOf({ seq: _seq, epoch: _epoch, ts: _ts, ...body }: JournalEvent): string {
  return JSON.stringify(body)
}

const mb = (bytes: number) => bytes / 1e6

/** What a journal weighs: in the database, and in what the disk had to write for it. */
export const storedSize: Benchmark = {
  name: 'stored-size',
  about: 'database after a WAL checkpoint against the JSON of its events; bytes sent to the device',
  async run({ quick }) {
    const [few, many] = quick ? [100, 400] : [500, 2000]
    const small = await store(few)
    const large = await store(many)
    const figures: Figure[] = [
      {
        name: `database_n${many}`,
        value: mb(large.database),
        unit: 'MB',
        floor: mb(large.payload),
        against: 'JSON of the events',
        target: { ratio: 1.5 },
      },
      {
        name: 'database_growth',
        value: large.database / many,
        unit: 'B/iteration',
        floor: small.database / few,
        against: `the same at N=${few}`,
        target: { ratio: 1.1 },
        note: 'linear when the ratio is about 1',
      },
    ]
    if (large.device !== undefined && large.bareDevice !== undefined) {
      figures.push({
        name: `device_n${many}`,
        value: mb(large.device),
        unit: 'MB',
        floor: mb(large.bareDevice),
        against: 'bare append of the same rows, one commit each',
        note: `${(large.device / large.payload).toFixed(1)} × the payload`,
      })
    }
    return figures
  },
}
