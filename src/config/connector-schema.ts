import { z } from 'zod'

/** What findings of a connector count as: what people report elsewhere. What loopwright sees for itself no server can say. */
const kinds = ['issues', 'pulls', 'ci', 'todo'] as const

const name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$/, 'the name of a connector is letters, digits, - and _, 40 at most')
/** Capitals alone: a token that was written here by mistake is no name of a variable. */
const variable = z.string().regex(/^[A-Z_][A-Z0-9_]{0,99}$/, 'the name of a variable is capital letters, digits and _')
const text = z.string().trim().min(1)

const connector = z
  .strictObject({
    name: name.describe('what it is called; part of the ids of its findings'),
    command: text.optional().describe('the program of the server, without its arguments'),
    args: z.array(z.string()).max(100).optional(),
    env: z.record(variable, z.string()).optional().describe('variables the server gets besides the usual ones'),
    envFrom: z.array(variable).max(100).optional().describe('variables of ours that it gets too, by name'),
    url: text.optional().describe('the address of the server: https, or http to this machine'),
    tokenEnv: variable.optional().describe('the variable with the token a server at an address is sent'),
    tool: text.optional().describe('the tool that lists findings'),
    arguments: z.record(z.string(), z.json()).optional().describe('what the tool is called with'),
    resource: text.optional().describe('the resource that lists findings'),
    as: z.enum(kinds).optional().describe('what its findings count as; issues by default'),
    patterns: z.array(text).min(1).max(100).optional().describe('ids of the patterns it is asked for'),
  })
  .superRefine((given, ctx) => {
    const add = (message: string, hint: string, path: string[] = []) =>
      ctx.addIssue({ code: 'custom', message, path, params: { hint } })
    const { command, url, tool, resource } = given
    if ((command === undefined) === (url === undefined)) {
      add(
        command === undefined ? 'no server is given' : 'two servers are given',
        'give command: the program that is started, or url: where it is',
      )
    }
    if ((tool === undefined) === (resource === undefined)) {
      add(
        tool === undefined ? 'nothing is asked of the server' : 'two things are asked of the server',
        'give tool: what is called, or resource: what is read',
      )
    }
    if (command !== undefined && /\s/.test(command) && !command.includes('/')) {
      add('a program and its arguments in one', 'put the arguments in args: [one, two]', ['command'])
    }
    const only = (key: keyof typeof given, other: 'command' | 'url' | 'tool') => {
      if (given[key] !== undefined && given[other] === undefined)
        add(`it is for a connector with ${other}`, `give ${other}, or leave it out`, [key])
    }
    only('args', 'command')
    only('env', 'command')
    only('envFrom', 'command')
    only('tokenEnv', 'url')
    only('arguments', 'tool')
  })

/** Servers that findings come from, by the Model Context Protocol. */
export const connectors = z
  .array(connector)
  .max(20)
  .superRefine((given, ctx) => {
    given.forEach((one, i) => {
      // Their findings would have the same ids.
      if (given.findIndex((other) => other.name.toLowerCase() === one.name.toLowerCase()) < i)
        ctx.addIssue({
          code: 'custom',
          message: `another connector is called ${one.name}`,
          path: [i, 'name'],
          params: { hint: 'give each a name of its own' },
        })
    })
  })

export type FileConnectors = z.output<typeof connectors>
