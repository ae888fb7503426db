// Prints how good `duplicates` is: 1 when it reads each product's id once, near 0 when it reads each one again and again. Reads are
// counted rather than time taken, so that the figure is the same on every machine.
import { duplicates } from './src/catalog.js'

const amount = 500
let reads = 0
const products = Array.from({ length: amount }, (_, at) => ({
  get id() {
    reads++
    return `product-${at % (amount - 10)}`
  },
}))
const found = duplicates(products).length
if (found !== 10) {
  console.error(`10 ids are there twice, ${found} were found`)
  process.exit(1)
}
console.log(`${reads} reads for ${amount} products`)
console.log(`score=${(amount / reads).toPrecision(3)}`)
