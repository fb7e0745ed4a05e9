#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# One image trains; no patient data in anything that is left behind; what a run left is told by inspect.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

"$WRITE_TINY_FOLDER" model 1 || exit 1
"$SELORA" phantom --out data --count 2 --size 32 --seed 3 --quiet || exit 1
base=("$SELORA" train --model model --size 16 --batch-size 1 --checkpoint-every 2 --validation-steps 2 --quiet)

# one image
mkdir single && cp data/000000.png single/ && printf 'a text' >single/000000.txt
expect 0 "${base[@]}" --out alone --steps 3 --data single

# patient data: planted in captions, names and columns, found in nothing that is left behind
mkdir -p planted/Quuxson_MRN4711
cp data/000000.png planted/Quuxson_MRN4711/scan.png
cp data/000001.png planted/Quuxson_MRN4711/scan2.png
printf 'file_name,text,patient_id\nQuuxson_MRN4711/scan.png,Zebulon Quuxson effusion,MRN4711\nQuuxson_MRN4711/scan2.png,Zebulon again,MRN4712\n' >planted/metadata.csv
expect 0 "${base[@]}" --out private --steps 4 --data planted --group-column patient_id
for secret in Zebulon Quuxson MRN4711 scan2; do
    check "$secret is nowhere in the run" test -z "$(grep -rlaF "$secret" private)"
    check "$secret is in no file name" test -z "$(find private -name "*$secret*")"
    check "$secret is in no message" test -z "$(grep -F "$secret" err out)"
done
check "the cache is the owner's alone" test -z "$(find private/cache -perm /077 2>/dev/null)"

for thing in model private/adapter.safetensors private planted; do
    expect 0 "$SELORA" inspect "$thing"
    expect 0 "$SELORA" inspect "$thing" --json
    check "JSON of $thing" grep -q '^{' out
done
expect 3 "$SELORA" inspect missing
one_line
expect 2 "$SELORA" inspect
one_line
finish
