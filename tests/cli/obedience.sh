#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The measure of obedience is right on phantoms, and says so when captions are wrong.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# 400 pictures with their own captions and 200 with that of the next picture.
expect 0 "$SELORA" phantom --out real --count 400 --size 64 --seed 99 --quiet
cut -d, -f1 real/metadata.csv | sed -n 2,201p >files
cut -d, -f2- real/metadata.csv | sed -n 3,202p >texts
paste -d, files texts >>real/metadata.csv
expect 1 "$OBEDIENCE" real 0.93
says out "pictures            600"
check "seen in what shows it, not in the rest" grep -qE '^all as prompted +0\.6[2-7]' out

expect 2 "$OBEDIENCE"
expect 2 "$OBEDIENCE" real much
expect 3 "$OBEDIENCE" nowhere
one_line
printf 'file_name,text\n000000.png,a castle\n' >real/metadata.csv
expect 3 "$OBEDIENCE" real
one_line
finish
