#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# selora utility: arms, shuffled labels, labels by prompt, exports for the owner alone, refusals.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# value FILE ARM KEY: a number of an arm.
value() {
    sed -n "/^ *\"$2\": {/,/^    }/p" "$1" | sed -n "s/^ *\"$3\": \([^,]*\),\{0,1\}$/\1/p" | head -n 1
}
holds() {
    awk "BEGIN { exit !($1) }"
}

"$SELORA" phantom --out data/train --count 60 --size 32 --seed 3 --region chest --quiet &&
    "$SELORA" phantom --out data/validation --count 30 --size 32 --seed 4 --region chest --quiet &&
    "$SELORA" phantom --out data/test --count 60 --size 32 --seed 5 --region chest --quiet &&
    "$SELORA" phantom --out synthetic --count 120 --size 32 --seed 6 --region chest --quiet || exit 1
# as `selora generate` leaves it: prompts alone
cp -r synthetic drawn && sed -i 's/^\(file_name,text\),.*/\1/; s/^\([^,]*,"[^"]*"\),.*/\1/; s/^\([^,"]*,[^,"]*\),.*/\1/' drawn/metadata.csv
# every prompt belongs to another picture
cp -r drawn shuffled
{
    head -n 1 drawn/metadata.csv
    paste -d, <(tail -n +2 drawn/metadata.csv | cut -d, -f1) <(tail -n +2 drawn/metadata.csv | cut -d, -f2- | tac)
} >shuffled/metadata.csv
base=("$SELORA" utility --real data --extractor radiomics --size 64 --seeds 2 --quiet)

expect 0 "${base[@]}" --synthetic drawn --label term:nodule --label finding=mass --shares 0.5,2,50 --out worth --augment \
    --subgroup finding --export arms
says out "logistic regression on radiomics"
says out "label term:nodule"
says out "classifier consistency"
says out "1 shares were left out"
says out "too few to say"
check "real pictures teach something: $(value worth/utility.json R auc)" holds "$(value worth/utility.json R auc) > 0.6"
check "so do synthetic ones: $(value worth/utility.json S auc)" holds "$(value worth/utility.json S auc) > 0.6"
check "an arm of all" test "$(value worth/utility.json R+2xS synthetic)" = 120
check "augmented ones" test "$(value worth/utility.json R+augmented real)" = 120
check "a page" grep -q "R+augmented" worth/utility.html
check "no augmented picture stays" test ! -e worth/augmented.tmp
check "exports are private" test "$(stat -c %a arms arms/R+S arms/R+S/metadata.csv arms/R+S/000000.png | tr '\n' ' ')" = "700 700 600 600 "
check "60 real and 60 synthetic" test "$(wc -l <arms/R+S/metadata.csv)" = 121
check "labels stand there" test "$(head -n 1 arms/test/metadata.csv)" = "file_name,source,patient,term:nodule,finding=mass"
cp worth/utility.json first.json
expect 0 "${base[@]}" --synthetic drawn --label term:nodule --label finding=mass --shares 0.5,2,50 --out worth --augment \
    --subgroup finding --threads 1
check "the same bytes with another number of threads" cmp first.json worth/utility.json

expect 0 "${base[@]}" --synthetic shuffled --label term:nodule --out shuffled-worth --shares 1
check "shuffled prompts teach nothing: $(value shuffled-worth/utility.json S auc)" \
    holds "$(value shuffled-worth/utility.json S auc) < 0.7"

expect 2 "${base[@]}" --out x
says err "--label"
expect 2 "${base[@]}" --label region --out x --shares 0
says err "--shares"
expect 3 "${base[@]}" --label nothing --out x
says err "no picture has all labels"
expect 3 "${base[@]}" --label term:nodule --synthetic data/test --out x
says err "must not train"
expect 2 "${base[@]}" --label term:chest --out x
says err "with and without its label"
finish
