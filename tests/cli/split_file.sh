#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A folder that brings its split along: train takes it, prints that nobody is on two sides, refuses a changed list.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

"$WRITE_TINY_FOLDER" model 1 || exit 1
expect 0 "$SELORA" phantom --out data --count 6 --size 32
file=$(ls data/metadata.*)
check "phantoms have a table" test "$file" = data/metadata.csv
awk -F, 'NR == 1 { print $0 ",patient"; next } NF { print $0 ",000000000000000" int(NR / 2) }' data/metadata.csv >table
tr -d '\r' <table >data/metadata.csv
{
    echo row,side,patient
    for row in 1 2 3 4 5 6; do
        patient=$(((row + 1) / 2))
        side=train
        ((patient < 3)) || side=validation
        echo "$row,$side,000000000000000$patient"
    done
} >data/split.csv
train=("$SELORA" train --model model --data data --size 16 --batch-size 2 --steps 1 --dry-run --out run)
expect 0 "${train[@]}"
says err "4 pictures train, 2 validate"
says err "split by patients: 3; patients on two sides: 0"
sed -i 's/^2,train/2,validation/' data/split.csv
expect 3 "${train[@]}"
says err "one key on two sides"
sed -i 's/^2,validation/2,train/; $d' data/split.csv
expect 3 "${train[@]}"
says err "was changed after it was split"
finish
