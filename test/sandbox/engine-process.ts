import { confined } from '../../src/process/sandbox/confined.ts'
import { findSandbox } from '../../src/process/sandbox/find.ts'
import { supervise } from '../../src/process/supervise.ts'

/** An engine for a test to kill: it runs something confined that tries to stay. `node engine-process.ts DIRECTORY SECONDS`. */
const [work = '', seconds = ''] = process.argv.slice(2)
const env = { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '/' }
const state = await findSandbox('bwrap', env)
await confined(
  supervise,
  () => state,
)({
  shell: `env -i setsid -f sh -c 'exec sleep ${seconds}' > /dev/null 2>&1 < /dev/null; while ! grep -qs ${seconds} /proc/[0-9]*/cmdline; do :; done; echo up; sleep 1000`,
  cwd: work,
  env,
  confinement: { writable: [work], readable: [], hidden: [], network: 'none', env: [] },
  onStdout: (text) => void process.stdout.write(text),
})
