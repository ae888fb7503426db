import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { Drivers } from '../engine/drive.ts'
import { engineMarker } from '../process/guardian.ts'
import { isAlive, processIdentity } from '../process/identity.ts'
import { killTree } from '../process/tree.ts'

/** The processes of this machine that drive runs, this one among them. */
export function driversOfThisMachine(): Drivers {
  const own = processIdentity()
  const host = hostname()
  return {
    // One per app: two in a process must not take each other's runs for their own. The marker is the last part.
    self: {
      id: `${host}:${own.pid}:${randomUUID().slice(0, 8)}:${engineMarker}`,
      host,
      pid: own.pid,
      started: own.started,
    },
    isAlive: (driver) => driver.host === host && isAlive({ pid: driver.pid, started: driver.started }),
    end: async (driver) => {
      const marker = driver.id.split(':').at(-1) ?? ''
      const root = { pid: driver.pid, started: driver.started }
      await killTree({ root, marker }, { graceMs: 0 })
    },
  }
}
