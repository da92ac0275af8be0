#!/usr/bin/env bash
# Completions know every command and option that --help names, and what the values may be: in bash, and in zsh and fish
# where they are installed.
#   test_completion.sh DRAPE
set -euo pipefail
. "$(dirname "$0")/common.sh"
export PATH=$(dirname "$drape"):$PATH
mkdir "some photos" folder
touch "some photos/me.jpg" somefile.txt
for shell in bash zsh fish; do "$drape" completion $shell >completion.$shell || fail "no completion for $shell"; done

refused 2 'give one shell' "$drape" completion
refused 2 "'tcsh' is not one of bash, zsh, fish" "$drape" completion tcsh
commands=$("$drape" --help | sed -n 's/^  \([a-z]*\) .*/\1/p')
[ "$(wc -w <<<"$commands")" -ge 10 ] || fail "only these commands: $commands"

# What bash offers after the words; the last one is being typed. Words as readline splits them.
bash_offers() {
    bash --norc -c '. ./completion.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _drape; [ ${#COMPREPLY[@]} = 0 ] || printf "%s\n" "${COMPREPLY[@]}"' \
        - "$@" | sort | tr '\n' '|'
}
# Of zsh and fish the same, for a line.
fish_offers() {
    HOME=$dir fish --private -c 'source completion.fish; complete -C $argv[1]' "$1" 2>err | cut -f1 | sort | tr '\n' '|'
}
offers() { # WANT WORDS...
    local got
    got=$(bash_offers "${@:2}")
    [ "$got" = "$1" ] || fail "bash: after '${*:2}': '$got', not '$1'"
    command -v fish >said || return 0
    got=$(fish_offers "$(printf '%s ' "${@:2:$#-2}")${!#}")
    [ "$got" = "$1" ] || fail "fish: after '${*:2}': '$got', not '$1'"
}

offers 'train|tryon|' drape tr
offers 'bash|' drape completion b
offers 'tryon|' drape help try
offers '--json|' drape --version --j
offers '--scheduler|' drape tryon --sched
offers 'euler|euler-a|' drape tryon --scheduler eu
offers 'off|on|' drape tryon --paste o
offers 'latest|' drape train --resume-from-checkpoint la
offers 'garment|' drape mask --image x.jpg --what g
offers "" drape tryon --steps x
[ "$(bash_offers drape train --max_tr)" = '--max_train_steps|' ] || fail "bash: options with _ are not completed"
[ "$(bash_offers drape mask --what = ga)" = 'garment|' ] || fail "bash: --name=value is not completed"
[ "$(bash_offers drape mask --what =)" = 'agnostic|garment|' ] || fail "bash: --name= is not completed"
[ "$(bash_offers drape train --lr_scheduler lin)" = 'linear|' ] || fail "bash: values of options with _ are not completed"
[ "$(bash_offers drape tryon --image some)" = 'some photos|somefile.txt|' ] || fail "bash: no files after --image"
[ "$(bash_offers drape tryon --model fo)" = 'folder|' ] || fail "bash: no folders after --model"
[ "$(bash_offers drape tryon --parser some)" = 'some photos|' ] || fail "bash: files where a folder has to be"
[ "$(bash_offers drape tryon --model some)" = 'some photos|somefile.txt|' ] || fail "bash: a model is a folder or a file"
[ "$(bash_offers drape mask some)" = 'some photos|somefile.txt|' ] || fail "bash: no files after a command"

# Every option of --help is offered, and no other.
for command in $commands; do
    "$drape" "$command" --help | sed -n 's/^  \(-., \|    \)\(--[a-z0-9-]*\).*/\2/p' | sort -u >named
    bash_offers drape "$command" -- | tr '|' '\n' >offered
    diff named offered >err || fail "bash: $command: other options than --help has"
    for option in $(cat named); do
        grep -qE -- "$option[]=[})]" completion.zsh || [ "$option" = --help ] || fail "zsh: $command has no $option"
    done
    command -v fish >said || continue
    fish_offers "drape $command --" | tr '|' '\n' >offered
    diff named offered >err || fail "fish: $command: other options than --help has"
done

if command -v zsh >said; then
    # a zsh in a terminal of its own, told to list what it would insert
    cat >ask.zsh <<'END'
zmodload zsh/zpty
zpty ask zsh -f -i
zpty -w ask "PS1=; PROMPT=; autoload -U compinit; compinit -u -d $PWD/dump; setopt no_beep no_list_beep; zstyle ':completion:*' list-grouped false"
zpty -w ask 'source completion.zsh'
zpty -w ask 'compadd() { if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then builtin compadd "$@"; return; fi; typeset -a got; builtin compadd -A got "$@"; print -rl -- $^got >>'$PWD/got'; builtin compadd "$@"; }'
zpty -w ask 'print -r -- ready >'$PWD/ready
while [[ ! -s ready ]]; do sleep 0.1; done
zpty -n -w ask "$1"$'\t'
zpty -n -w ask $'\C-u'
zpty -w ask 'print -r -- done >'$PWD/done
for i in {1..100}; do [[ -s done ]] && break; sleep 0.1; done
zpty -d ask
END
    zsh_offers() { # WANT LINE
        local got
        rm -f got ready done
        timeout 60 zsh -f ask.zsh "$2" >said 2>err || fail "zsh: '$2'"
        got=$(sort -u got 2>said | grep . | tr '\n' '|') || true
        [ "$got" = "$1" ] || fail "zsh: after '$2': '$got', not '$1'"
    }
    zsh_offers 'euler|euler-a|' 'drape tryon --scheduler eu'
    zsh_offers 'garment|' 'drape mask --what=ga'
fi
echo "test_completion.sh: bash$(command -v zsh >said && echo ', zsh')$(command -v fish >said && echo ', fish')"
