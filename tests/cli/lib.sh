#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What the CLI tests share. A test is run with SELORA (the program), WRITE_TINY_FOLDER (writes a small random model)
# and an empty working folder; it fails when a check does.
set -u
failures=0

# expect CODE COMMAND...: runs it; stdout and stderr lie in ./out and ./err.
expect() {
    local wanted=$1 code
    shift
    "$@" >out 2>err </dev/null
    code=$?
    if [[ $code != "$wanted" ]]; then
        printf 'exit %s, expected %s: %s\n' "$code" "$wanted" "$*"
        head -n 5 err
        failures=$((failures + 1))
    fi
}

# says FILE TEXT: the file holds the text.
says() {
    if ! grep -qF -- "$2" "$1"; then
        printf '%s does not say "%s":\n' "$1" "$2"
        head -n 5 "$1"
        failures=$((failures + 1))
    fi
}

# one_line: stderr is one line, as errors are.
one_line() {
    if [[ $(wc -l <err) != 1 ]]; then
        printf 'expected one line on stderr, found:\n'
        head -n 5 err
        failures=$((failures + 1))
    fi
}

# check WHAT COMMAND...: the command succeeds.
check() {
    local what=$1
    shift
    if ! "$@"; then
        printf 'not so: %s\n' "$what"
        failures=$((failures + 1))
    fi
}

finish() {
    exit $((failures > 0))
}
