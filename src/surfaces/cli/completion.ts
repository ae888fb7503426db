import type { Command } from 'commander'
import { type Io, print } from './io.ts'

interface Word {
  readonly name: string
  readonly about: string
  readonly flags: readonly { readonly flag: string; readonly about: string }[]
}

/** `loopwright completion`: a script for the shell, made from the commands there are. */
export async function completion(io: Io, program: Command, shell: string): Promise<number> {
  const words = wordsOf(program)
  print(io, shell === 'fish' ? fish(words) : shell === 'zsh' ? zsh(words) : bash(words))
  return 0
}

function wordsOf(program: Command): Word[] {
  return program
    .createHelp()
    .visibleCommands(program)
    .map((command) => ({
      name: command.name(),
      about: command.summary(),
      flags: command
        .createHelp()
        .visibleOptions(command)
        .flatMap((option) => (option.long ? [{ flag: option.long, about: option.description }] : [])),
    }))
}

function bash(words: readonly Word[]): string {
  const cases = words.map(({ name, flags }) => `    ${name}) words="${flags.map(({ flag }) => flag).join(' ')}" ;;`)
  return `# loopwright completion bash: put  eval "$(loopwright completion bash)"  into ~/.bashrc
_loopwright() {
  local words current="\${COMP_WORDS[COMP_CWORD]}"
  if [ "$COMP_CWORD" -eq 1 ]; then
    words="${words.map(({ name }) => name).join(' ')}"
  elif [ "\${current:0:1}" = "-" ]; then
    case "\${COMP_WORDS[1]}" in
${cases.join('\n')}
    esac
  else
    COMPREPLY=($(compgen -f -W last -- "$current"))
    return
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o filenames -F _loopwright loopwright`
}

function zsh(words: readonly Word[]): string {
  const quote = (text: string) =>
    text.replaceAll("'", "'\\''").replaceAll(':', '\\:').replaceAll('[', '\\[').replaceAll(']', '\\]')
  const commands = words.map(({ name, about }) => `    '${name}:${quote(about)}'`)
  const cases = words.map(
    ({ name, flags }) =>
      `    ${name}) _arguments ${flags.map(({ flag, about }) => `'${flag}[${quote(about)}]'`).join(' ')} '*:file:_files' ;;`,
  )
  return `#compdef loopwright
# put  eval "$(loopwright completion zsh)"  into ~/.zshrc
_loopwright() {
  local -a commands
  commands=(
${commands.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command="\${words[2]}"
  shift words; (( CURRENT-- ))
  case "$command" in
${cases.join('\n')}
  esac
}
compdef _loopwright loopwright`
}

function fish(words: readonly Word[]): string {
  const quote = (text: string) => text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")
  const lines = words.flatMap(({ name, about, flags }) => [
    `complete -c loopwright -n __fish_use_subcommand -f -a ${name} -d '${quote(about)}'`,
    ...flags.map(
      ({ flag, about: what }) =>
        `complete -c loopwright -n '__fish_seen_subcommand_from ${name}' -l ${flag.slice(2)} -d '${quote(what)}'`,
    ),
  ])
  return `# loopwright completion fish > ~/.config/fish/completions/loopwright.fish\n${lines.join('\n')}`
}
