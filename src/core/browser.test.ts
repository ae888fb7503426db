import { expect, test } from 'vitest'
import { type BrowserStep, describeStep, selectorOf } from './browser.ts'

test.each<[BrowserStep, string, string | undefined]>([
  [{ open: '/login' }, 'open /login', undefined],
  [{ click: '#save' }, 'click #save', '#save'],
  [{ press: 'Enter' }, 'press Enter', undefined],
  [{ wait: '.ready' }, 'wait for .ready', '.ready'],
  [{ screenshot: 'done' }, 'screenshot done', undefined],
  [{ expect: { text: 'Saved' } }, 'expect text "Saved"', undefined],
  [{ expect: { text: 'Saved', selector: '#status' } }, 'expect text "Saved" in #status', '#status'],
  [{ expect: { visible: '#ok' } }, 'expect #ok visible', '#ok'],
  [{ expect: { hidden: '#spinner' } }, 'expect #spinner hidden', '#spinner'],
  [{ expect: { count: 3, selector: 'li' } }, 'expect 3 × li', 'li'],
  [{ expect: { url: '/home' } }, 'expect the address to contain "/home"', undefined],
  [{ expect: { title: 'Home' } }, 'expect the title to contain "Home"', undefined],
])('a step says in a few words what it does: %j', (step, words, selector) => {
  expect(describeStep(step)).toBe(words)
  expect(selectorOf(step)).toBe(selector)
})

test('what is typed is not repeated', () => {
  const step: BrowserStep = { type: { selector: '#password', text: 'correct horse' } }
  expect(describeStep(step)).toBe('type 13 characters into #password')
  expect(selectorOf(step)).toBe('#password')
})

test('a hostile selector stays on one line without escape sequences', () => {
  expect(describeStep({ click: 'a\n\u001B[2Jb\u202Ec' })).toBe('click a bc')
})
