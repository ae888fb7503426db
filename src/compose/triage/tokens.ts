import type { Agent, RunCommand } from '../../core/ports.ts'
import { isWriteToken } from '../../core/write-tokens.ts'

type Env = Readonly<Record<string, string>>

/** The variables of an environment that may push, publish or deploy, and those that `also` names, each emptied. */
export function emptiedTokens(env: Env, also: ReadonlySet<string>): Env {
  return Object.fromEntries(
    Object.keys(env).flatMap((name) => (isWriteToken(name) || also.has(name) ? [[name, '']] : [])),
  )
}

/** What a program needs to be found, to speak to the network, and to know where its own files are. */
const plain =
  /^(?:PATH|HOME|USER|LOGNAME|SHELL|TERM|TZ|LANG|LANGUAGE|LC_\w+|TMPDIR|TEMP|TMP|XDG_\w+|CI|NO_COLOR|(?:HTTPS?|ALL|NO)_PROXY|SSL_CERT_(?:FILE|DIR)|NODE_EXTRA_CA_CERTS|NVM_(?:DIR|BIN)|VOLTA_HOME|FNM_DIR|COREPACK_HOME|PNPM_HOME|NPM_CONFIG_(?:REGISTRY|CACHE|PREFIX|USERCONFIG|GLOBALCONFIG|CAFILE|STRICT_SSL)|SYSTEMROOT|APPDATA|LOCALAPPDATA|USERPROFILE|COMSPEC|PATHEXT)$/i

/**
 * The variables of an environment that a program which reads a project's settings has no need of, each emptied: an `.npmrc` may send
 * any of them to a registry that it names.
 */
export function emptiedAllButPlain(env: Env): Env {
  return Object.fromEntries(Object.keys(env).flatMap((name) => (plain.test(name) ? [] : [[name, '']])))
}

/** The agent without them. */
export function tokenless(agent: Agent, emptied: Env): Agent {
  return {
    name: agent.name,
    ...(agent.spawns === undefined ? {} : { spawns: agent.spawns }),
    run: (request, call) => agent.run({ ...request, env: { ...request.env, ...emptied } }, call),
  }
}

/** Commands without them. */
export function withoutTokens(run: RunCommand, emptied: Env): RunCommand {
  return (command, options) => run(command, { ...options, env: { ...options.env, ...emptied } })
}
