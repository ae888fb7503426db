/** The environment of this process. Nothing else in loopwright reads it. Apart from the configuration, so that a start that needs none loads none. */
export function environment(): Readonly<Record<string, string | undefined>> {
  return process.env
}
