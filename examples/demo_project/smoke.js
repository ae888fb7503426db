// Uses the shop as a customer would, and fails when the bill is wrong.
import { total } from './src/cart.js'

const cart = [
  { name: 'tea', price: 450, quantity: 3 },
  { name: 'cup', price: 800, quantity: 1 },
]
const bill = total(cart)
console.log(`3 teas and a cup: ${(bill / 100).toFixed(2)}`)
if (bill !== 2150) {
  console.error(`the bill should be 21.50, it is ${(bill / 100).toFixed(2)}`)
  process.exit(1)
}
