import { createLogUpdate } from 'log-update'
import type { RunView } from '../../../core/view.ts'
import { type Io, noteThrough, styleOf } from '../io.ts'
import { renderLive } from './render.ts'

/** At most this often the live view is drawn, in milliseconds. */
const everyMs = 100

/** The live view on standard error: drawn ten times a second, gone at the end. */
export class Screen {
  readonly #io: Io
  readonly #draw: ReturnType<typeof createLogUpdate>
  readonly #timer: NodeJS.Timeout
  readonly #giveBack: () => void
  #view: RunView | undefined
  #note = ''

  constructor(io: Io) {
    this.#io = io
    this.#draw = createLogUpdate(io.stderr as NodeJS.WriteStream)
    this.#timer = setInterval(() => this.#paint(), everyMs)
    this.#timer.unref()
    this.#giveBack = noteThrough(io, (text) => this.persist(text))
  }

  show(view: RunView): void {
    this.#view = view
  }

  /** A line below the view, until the end. */
  remark(text: string): void {
    this.#note = text
    this.#paint()
  }

  /** Lines that stay above the view. */
  persist(text: string): void {
    this.#draw.clear()
    this.#io.stderr.write(`${text}\n`)
    this.#paint()
  }

  close(): void {
    clearInterval(this.#timer)
    this.#giveBack()
    this.#draw.clear()
    this.#draw.done()
  }

  #paint(): void {
    if (!this.#view) return
    const { stderr, env } = this.#io
    const style = styleOf(env, stderr)
    const text = renderLive(this.#view, {
      width: stderr.columns ?? 80,
      height: Math.min(30, (stderr.rows ?? 24) - 2),
      now: Date.now(),
      style,
    })
    this.#draw(this.#note === '' ? text : `${text}\n${style.yellow(this.#note)}`)
  }
}
