#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The demo from end to end on a small random model; what phantom and inspect say on the way.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

"$WRITE_TINY_FOLDER" model 1 || exit 1
expect 0 "$SELORA" demo --model model --out demo --steps 3 --count 10 --threads 1
says out "before (upper row) and after"
says out "layers at 1"
says out "demo/report.html"
for file in before_after.png report.html run/report.html data/metadata.csv run/adapter.safetensors run/log.jsonl run/ranks.csv; do
    check "demo/$file is there" test -s "demo/$file"
done
expect 2 "$SELORA" demo --model model --out demo
one_line
says err "demo exists"
expect 3 "$SELORA" demo --model nothing --out other
one_line

expect 0 "$SELORA" inspect demo/run
says out "steps planned          3"
expect 0 "$SELORA" inspect demo/run/adapter.safetensors --json
says out '"kind": "adapter"'
expect 0 "$SELORA" inspect demo/data
says out "pictures               10"
expect 0 "$SELORA" inspect model
says out "unet"
expect 3 "$SELORA" inspect nothing
one_line

expect 0 "$SELORA" phantom --out a --count 3 --seed 5 --quiet
expect 0 "$SELORA" phantom --out b --count 3 --seed 5 --quiet
check "the same bits again" cmp a/000002.png b/000002.png
expect 2 "$SELORA" phantom --out demo --count 3
one_line

finish
