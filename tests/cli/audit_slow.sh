#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# An adapter that has seen 20 pictures far too often: the membership test knows them.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

model=$(dirname "${BASH_SOURCE[0]}")/../../models/tiny
"$SELORA" phantom --out data/train --count 20 --size 32 --seed 3 --quiet &&
    "$SELORA" phantom --out data/validation --count 4 --size 32 --seed 4 --quiet &&
    "$SELORA" phantom --out data/test --count 24 --size 32 --seed 5 --quiet || exit 1
expect 0 "$SELORA" train --model "$model" --data data --size 32 --validation-images 0 --quiet --checkpoint-every 300 \
    --out overfitted --steps 900 --batch-size 8 --lr 1e-3 --lr-scheduler cosine --lambda 1 --rank 8 --rank-max 32 \
    --validate-every 900
expect 0 "$SELORA" audit overfitted --members 20 --images 0 --own-prompts 0 --quiet
cat out
says out "members can be told from others"
check "AUC above 0.9" bash -c \
    "awk '/gain over the base model/ { found = \$6 } END { exit !(found > 0.9) }' out"
check "the base model knows nobody" grep -q '"control_holds": true' overfitted/audit.json
check "it grows with the steps" bash -c \
    "awk '/^  step/ { if (\$4 < last - 0.05) bad = 1; last = \$4; rows++ } END { exit bad || rows < 2 }' out"
finish
