#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The measure of obedience is right on phantoms, and says so when captions are wrong.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

expect 0 "$SELORA" phantom --out real --count 400 --size 64 --seed 99 --quiet
expect 0 "$OBEDIENCE" real 0.93
says out "pictures            400"

# Every caption moves to the next picture.
mkdir moved && cp real/*.png moved/
cut -d, -f1 real/metadata.csv >files
cut -d, -f2- real/metadata.csv | sed -n '1p;3,$p' >texts
sed -n 2p real/metadata.csv | cut -d, -f2- >>texts
paste -d, files texts >moved/metadata.csv
expect 1 "$OBEDIENCE" moved 0.5
check "few pictures show the next one's caption" grep -qE '^all as prompted +0\.[01]' out

expect 2 "$OBEDIENCE"
expect 2 "$OBEDIENCE" real much
expect 3 "$OBEDIENCE" nowhere
one_line
printf 'file_name,text\n000000.png,a castle\n' >real/metadata.csv
expect 3 "$OBEDIENCE" real
one_line
finish
