// Stands in for an agent, so that the example costs nothing: `node mend.js bug` mends the cart, `node mend.js speed` the catalog. In a
// project of yours this is a command that calls an agent, as in: claude -p "Mend what failed: $LOOPWRIGHT_LAST_ERROR"
import { readFileSync, writeFileSync } from 'node:fs'

const mends = {
  bug: ['src/cart.js', 'sum += item.price\n', 'sum += item.price * item.quantity\n'],
  speed: [
    'src/catalog.js',
    /const found = \[\][\s\S]*return found\n/,
    `const seen = new Set()
  const found = new Set()
  for (const { id } of products) {
    if (seen.has(id)) found.add(id)
    seen.add(id)
  }
  return [...seen].filter((id) => found.has(id))
`,
  ],
}
const [file, find, by] = mends[process.argv[2]] ?? []
if (file === undefined) {
  console.error(`say what to mend: node mend.js ${Object.keys(mends).join('|')}`)
  process.exit(2)
}
const path = new URL(file, import.meta.url)
writeFileSync(
  path,
  readFileSync(path, 'utf8').replace(find, () => by),
)
console.log(`changed ${file}`)
