#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Wrong usage ends with 2 and one line that names the option; help ends with 0.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

expect 2 "$SELORA"
says err "usage: selora COMMAND"
expect 2 "$SELORA" paint
says err "paint: no such command"
expect 0 "$SELORA" --help
expect 0 "$SELORA" --version
says out "selora "

for command in $("$SELORA" --help | sed -n 's/^  \([a-z]*\) .*/\1/p'); do
    [[ $command == selora ]] && continue
    expect 0 "$SELORA" "$command" --help
    says out "example:"
    says out "--threads"
    expect 2 "$SELORA" "$command" --no-such-option 1
    one_line
    says err "--no-such-option"
    expect 2 "$SELORA" "$command" --threads
    one_line
    expect 2 "$SELORA" "$command" --threads many
    says err "--threads"
    expect 2 "$SELORA" "$command" -x
    one_line
done

expect 2 "$SELORA" generate --model m
one_line
says err "--out"
expect 2 "$SELORA" generate --model m --out o --steps 0 --prompt x
says err "--steps"
expect 2 "$SELORA" generate --model m --out o --sampler magic --prompt x
says err "pndm|ddim|dpmpp_2m|euler"
expect 3 "$SELORA" generate --config missing.json --model m --out o
says err "missing.json"
printf '{"options": {"steps": "many"}}' >bad.json
expect 3 "$SELORA" generate --config bad.json --model m --out o
says err "bad.json"
printf '{"no-such": 1}' >bad.json
expect 3 "$SELORA" generate --config bad.json --model m --out o
says err "no-such"
expect 3 "$SELORA" generate --model missing --out o --prompt x
one_line
says err "missing"
check "nothing was written" test ! -e o
finish
