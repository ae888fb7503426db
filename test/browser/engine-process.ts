import { play } from './scene.ts'

// An engine that plays a page, to be killed: `engine-process.ts URL FOLDER`. It says the marker of what it started.
const [url = '', folder = ''] = process.argv.slice(2)
await play(
  { url, steps: [{ wait: '#never' }] },
  { artifacts: folder, outputPath: `${folder}/play.log`, onStart: ({ marker }) => console.log(marker) },
)
