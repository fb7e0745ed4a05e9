#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# selora audit: an untrained adapter gives nobody away, planted copies are found, nothing of a patient lies open. (An
# overfitted adapter: audit_slow.sh.)
# shellcheck source=tests/cli/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# value FILE KEY: the first number or word of that key.
value() {
    sed -n "s/^ *\"$2\": \"\{0,1\}\([^\",]*\)\"\{0,1\},\{0,1\}$/\1/p" "$1" | head -n 1
}
# part FILE KEY: the lines of an object, up to the next one as deep.
part() {
    sed -n "/^ *\"$2\": {/,/^    }/p" "$1"
}
below() {
    awk "BEGIN { exit !($1 <= $2) }"
}

"$WRITE_TINY_FOLDER" model 1 || exit 1
"$SELORA" phantom --out data/train --count 20 --size 32 --seed 3 --quiet &&
    "$SELORA" phantom --out data/validation --count 4 --size 32 --seed 4 --quiet &&
    "$SELORA" phantom --out data/test --count 24 --size 32 --seed 5 --quiet || exit 1
base=("$SELORA" train --model model --data data --size 16 --validation-images 0 --quiet --batch-size 4)

# the small one at the end of training
expect 0 "${base[@]}" --out trained --steps 12 --lr 1e-3 --checkpoint-every 6
check "the end of training looks for leaks" test "$(value trained/audit.json kind)" = small
cp trained/audit.json small.json
expect 0 "${base[@]}" --out trained --steps 12 --lr 1e-3 --checkpoint-every 6 --resume
check "resuming a finished run says the same" cmp small.json trained/audit.json

# the full one
full=("$SELORA" audit trained --members 8 --images 8 --own-prompts 4 --own-seeds 2 --steps 3 --quiet)
expect 0 "${full[@]}"
says out "membership: 8 members, 8 others"
says out "step 6 "
says out "own prompts, latent: 4 prompts x 2 seeds"
check "a full one" test "$(value trained/audit.json kind)" = full
check "a page" grep -q "Membership" trained/audit.html
pairs=trained/audit/nearest-pairs-SHOWS-PATIENTS.png
check "pairs are for the owner alone" test "$(stat -c %a $pairs)" = 600
check "no captions" test -z "$(grep -rlE 'frontal|axial|coronal|lateral|nodule' trained)"
cp trained/audit.json first.json
expect 0 "${full[@]}" --threads 1
check "the same bytes with another number of threads" cmp first.json trained/audit.json

# an adapter that has learnt nothing
expect 0 "${base[@]}" --out untrained --steps 1 --lr 0 --audit none
check "no audit where none is wanted" test ! -e untrained/audit.json
expect 0 "$SELORA" audit untrained --members 20 --images 0 --own-prompts 0 --out elsewhere --quiet
part elsewhere/audit.json ratio >ratio
check "AUC 0.5 of an untrained adapter" test "$(value ratio auc)" = 0.5
part elsewhere/audit.json loss >loss
check "0.5 +- 2 se by the loss" bash -c "awk 'BEGIN { d = $(value loss auc) - 0.5; exit !(d * d <= 4 * $(value loss se) ^ 2) }'"

# planted copies: the training pictures themselves, half of them, and pictures of nobody
mkdir copies
for ((i = 0; i < 20; i += 2)); do cp "data/train/$(printf %06d $i).png" copies/; done
"$SELORA" phantom --out innocent --count 40 --size 32 --seed 77 --quiet || exit 1
only=("$SELORA" audit untrained --members 0 --own-prompts 0 --quiet)
expect 1 "${only[@]}" --synthetic copies --out found --fail-on-copies
says err "clear signs of copying"
part found/audit.json pixel >pixel
part found/audit.json latent >latent
check "the pixels say it" test "$(value pixel copies)" = 10
check "the latents say it" test "$(value latent near_copies)" = 10
expect 0 "${only[@]}" --synthetic copies --out found
says out "verdict: clear signs of copying"
expect 0 "${only[@]}" --synthetic innocent --out not-found --fail-on-copies --extractor pixels
part not-found/audit.json pixels >pixels
check "innocents stay below a fifth" below "$(value pixels copy_rate)" 0.2

expect 0 "$SELORA" train --model model --data data --size 16 --validation-images 0 --batch-size 4 --steps 1 --lr 0 --out at-once \
    --audit full
says err "verdict:"
check "the full one at once" test "$(value at-once/audit.json kind)" = full
expect 2 "$SELORA" audit
expect 3 "$SELORA" audit nowhere
one_line
cp -r data other && cp other/test/000001.png other/test/000000.png
expect 3 "$SELORA" audit untrained --data other --quiet
says err "not those that the run was trained on"
expect 2 "$SELORA" audit untrained --own-seeds 0
finish
