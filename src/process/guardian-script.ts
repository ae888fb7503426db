/**
 * The guardian, in plain POSIX sh with as few helpers as can be. The first line on descriptor 3 is the marker, later lines are `+group` and
 * `-group`, `=pipe` and `~pipe` (a pipe or socket by the kernel's number); end of file is the engine's end. It works in a double-forked child, so
 * that nobody's descendant walk finds it, and reads blocking: it costs nothing while it waits.
 *
 * An engine may die between a start and telling of it. So what is known to be ours tells of more: the pipes that a process with the marker has as
 * stdin, stdout and stderr count as told, and so does a session that one of ours leads.
 *
 * It looks three times before it believes that none is left: one that forks and ends at the wrong moment hides its child from a look.
 *
 * A grep that stops at NUL bytes (busybox) is replaced by the shell's own `read`, which drops them.
 */
export const guardianScript = `
trap '' HUP INT QUIT TERM
(
IFS= read -r id <&3 || exit 0
groups=' '
pipes=' '
while IFS= read -r line <&3; do
  case $line in
    +*) groups="$groups\${line#+} " ;;
    -*) n=\${line#-}
        case $groups in *" $n "*) groups="\${groups%% $n *} \${groups#* $n }" ;; esac ;;
    =*) pipes="$pipes\${line#=} " ;;
    '~'*) n=\${line#?}
        case $pipes in *" $n "*) pipes="\${pipes%% $n *} \${pipes#* $n }" ;; esac ;;
  esac
done
exec 3<&-
[ -n "$id" ] || exit 0

grep_works=
if printf 'a\\000b\\n' | grep -qF b; then grep_works=1; fi

holds() {
  while IFS= read -r part || [ -n "$part" ]; do
    case $part in *"$id"*) return 0 ;; esac
  done <"$1"
  return 1
}

carriers() {
  if [ -d /proc/self ]; then
    if [ -n "$grep_works" ]; then
      grep -lsF -e "$id" /proc/[0-9]*/environ
    else
      for f in /proc/[0-9]*/environ; do
        [ -r "$f" ] && holds "$f" && echo "$f"
      done
    fi
  else
    ps -A -E -ww -o pid=,command= | while read -r p rest; do
      case $rest in *"$id"*) echo "/proc/$p/environ" ;; esac
    done
  fi
}

pipe_of() {
  case $1 in *' -> pipe:['*']'|*' -> socket:['*']') ;; *) return 1 ;; esac
  n=\${1##*:[}
  n=\${n%]}
}

learn_pipes() {
  if [ "$doomed" = ' ' ] || [ ! -d /proc/self ]; then return; fi
  ends=
  for p in $doomed; do ends="$ends /proc/$p/fd/0 /proc/$p/fd/1 /proc/$p/fd/2"; done
  while IFS= read -r line; do
    pipe_of "$line" || continue
    case $pipes in *" $n "*) ;; *) pipes="$pipes$n " ;; esac
  done <<ENDS
$(ls -l $ends)
ENDS
}

holders() {
  if [ "$pipes" = ' ' ] || [ ! -d /proc/self ]; then return; fi
  ls -l /proc/[0-9]*/fd/[012] | while IFS= read -r line; do
    pipe_of "$line" || continue
    case $pipes in *" $n "*) ;; *) continue ;; esac
    p=\${line%%/fd/[012] -*}
    echo "\${p##*/}"
  done
}

table() {
  if [ -d /proc/self ]; then
    for d in /proc/[0-9]*; do
      { IFS= read -r line <"$d/stat"; } || continue
      echo "\${d#/proc/} \${line##*) }"
    done
  else
    ps -A -o pid=,stat=,ppid=,pgid=,pgid=
  fi
}

round=0
empty=0
while [ $round -lt 300 ]; do
  doomed=' '
  for f in $(carriers); do
    p=\${f#/proc/}
    doomed="$doomed\${p%/environ} "
  done
  learn_pipes
  for p in $(holders); do doomed="$doomed$p "; done
  rows=$(table)
  grown=1
  while [ $grown = 1 ]; do
    grown=0
    while read -r pid state parent group session rest; do
      case $state in Z*|X*|'') continue ;; esac
      case $doomed in *" $pid "*)
        case $groups in *" $session "*) continue ;; esac
        if [ "$pid" = "$session" ]; then groups="$groups$session "; grown=1; fi
        continue ;;
      esac
      hit=
      case $groups in *" $group "*|*" $session "*) hit=1 ;; esac
      case $doomed in *" $parent "*) hit=1 ;; esac
      if [ -n "$hit" ]; then doomed="$doomed$pid "; grown=1; fi
    done <<ROWS
$rows
ROWS
  done
  if [ "$doomed" = ' ' ]; then
    empty=$((empty + 1))
    [ $empty = 3 ] && exit 0
  else
    empty=0
    kill -KILL $doomed
  fi
  sleep 0.1 || sleep 1 || exit 1
  round=$((round + 1))
done
) </dev/null >/dev/null 2>&1 &
`
