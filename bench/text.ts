const words =
  'the loop plans work reviews and checks a goal until code decides that it is done while agents write files tests fail pass again'.split(
    ' ',
  )

/** Makes texts that look like prose and never repeat, the same ones for the same seed: what a model would have written. */
export function textMaker(seed = 1): (chars: number) => string {
  let state = seed >>> 0
  return (chars) => {
    let text = ''
    while (text.length < chars) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      text += `${words[(state >>> 8) % words.length]} ${(state >>> 16).toString(36)} `
    }
    return text.slice(0, chars)
  }
}

/** What the three roles of an iteration write, in characters: 3.4 kB in all. */
export const chars: { readonly plan: number; readonly work: number; readonly review: number } = {
  plan: 500,
  work: 2_500,
  review: 400,
}
