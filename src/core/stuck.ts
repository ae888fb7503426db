/** How often the same may happen before people are warned, and before it is stopped. */
const warnAt = 3
const stopAt = 5
/** The longest round of actions that is looked for: `edit, test, edit, test …` is one of two. */
const longestRound = 3

/** One thing that was done and what came of it, as texts that are equal when the things are. */
export interface Action {
  readonly name: string
  readonly input: string
  readonly result: string
}

export interface Repetition {
  /** How many times in a row. */
  readonly times: number
  /** True from the fifth time on: it is not going to help. */
  readonly stop: boolean
  /** For people. */
  readonly text: string
}

/** Waiting for something looks like being stuck and is not: these only ask how far something is. */
const pollingName =
  /^(?:(?:get_)?(?:bash|command|shell|task|agent|subagent|job|process)(?:_or_subagent)?_?(?:output|status)|wait(?:_for)?(?:_\w{1,30})?|await|sleep|poll(?:_\w{1,30})?|monitor|read_(?:terminal|bash|powershell|agent)|write_stdin|list_(?:tasks|agents)|task_?(?:get|list))$/i
/** Where a command begins: first of all, after another one, or in the quotes of a shell or of JSON. */
const pollingCommand =
  /(?:^|[;&|("'`]|\\n|\bdo|\bthen)\s*(?:sudo\s+|timeout\s+\S{1,20}\s+)?(?:sleep\s|wait\b|watch\s|until\s|while\s|tail\s+-f|gh\s+(?:run|pr)\s+(?:watch|view|checks|status|list)|glab\s+ci\s|kubectl\s+(?:get|wait|rollout\s+status)|docker\s+(?:ps|logs|inspect)|curl\s.{0,200}(?:health|status|ready)|jobs\b|ps\s|pgrep\s|systemctl\s+(?:status|is-active))/i
/** Only these inputs are commands: in others such words are text. */
const shellName = /bash|shell|command|exec|terminal|run|process|powershell/i

/**
 * Notices when the same actions with the same results follow one another: one action, or a round of two or three. Anything new in
 * between, a different result included, starts the count anew; actions that only wait do not count.
 */
export class Stuck {
  readonly #recent: string[] = []
  readonly #said = new Set<string>()

  /** Takes an action in. Answers at the third repetition, once, and from the fifth on every time. */
  see(action: Action): Repetition | undefined {
    if (isPolling(action)) return undefined
    this.#recent.push(JSON.stringify([action.name, action.input, resultOf(action)]))
    if (this.#recent.length > longestRound * stopAt) this.#recent.shift()
    for (let round = 1; round <= longestRound; round++) {
      const times = this.#repetitions(round)
      if (times < warnAt) continue
      const key = this.#recent.slice(-round).sort().join('\n')
      const stop = times >= stopAt
      if (!stop && this.#said.has(key)) return undefined
      this.#said.add(key)
      return { times, stop, text: textOf(action, round, times) }
    }
    this.#said.clear()
    return undefined
  }

  /** How many times the last `round` actions stand at the end, one after another. */
  #repetitions(round: number): number {
    const all = this.#recent
    let times = 1
    for (let end = all.length - round; end >= round; end -= round, times++) {
      for (let at = 1; at <= round; at++) if (all[end - at] !== all[all.length - at]) return times
    }
    return times
  }
}

/** Whether an action only asks how far something is. */
export function isPolling({ name, input }: Pick<Action, 'name' | 'input'>): boolean {
  // A server's tools come as mcp__server__tool.
  const plain = name.replace(/^mcp__.{1,60}?__/, '')
  return pollingName.test(plain) || (shellName.test(plain) && pollingCommand.test(input.slice(0, 2000)))
}

function textOf({ name, input }: Action, round: number, times: number): string {
  const on = input
    .slice(0, 160)
    .replace(/[\s\0]+/g, ' ')
    .trim()
  const last = on === '' ? name : `${name} ${on}`
  const what = round === 1 ? last : `a round of ${round} actions (the last: ${last})`
  return `did the same ${times} times with the same result: ${what}`
}

/** Programs that look at the work tell how long they took, never twice the same: in what they print, such times are no difference. */
const looking =
  /\b(?:tests?|check|lint|build|tsc|vitest|jest|mocha|pytest|cargo|gradlew?|mvn|make|ctest|rspec|phpunit|go\s+vet)\b/i
const took = /\b\d{1,9}(?:\.\d{1,9})?\s?(?:ms|milliseconds?)\b|\b\d{1,9}\.\d{1,9}\s?(?:s|secs?|seconds?)\b/gi

function resultOf({ input, result }: Action): string {
  return looking.test(input.slice(0, 2000)) ? result.replace(took, '#') : result
}
