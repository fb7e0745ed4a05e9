#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# --compute and --backend: what the processor has runs and is named, what it lacks is refused in one line.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

bench=("$SELORA" bench --config tiny --size 32 --repeat 1)
expect 0 "${bench[@]}"
says out "f32, relative error"
expect 2 "${bench[@]}" --compute f64
says err "f32|bf16"
expect 2 "${bench[@]}" --backend sse
one_line
expect 2 "${bench[@]}" --backend ref --compute bf16
one_line
says err "--backend ref does not compute in bf16"
expect 0 "${bench[@]}" --backend generic
says out "backend generic"

"$WRITE_TINY_FOLDER" model 1 || exit 1
"$SELORA" phantom --out data --count 8 --size 32 --seed 3 --quiet || exit 1
train=("$SELORA" train --model model --data data --out run --size 16 --batch-size 2 --steps 2 --validation-images 1
       --validation-steps 1)

if grep -q avx512_bf16 /proc/cpuinfo; then
    expect 0 "${bench[@]}" --compute bf16 --json
    says out '"compute": "bf16"'
    expect 2 "${bench[@]}" --backend avx512bf16
    says err "--backend avx512bf16 does not compute in f32"
    expect 0 "${bench[@]}" --backend avx512bf16 --compute bf16
    says out "backend avx512bf16: bf16, relative error"
    expect 0 "${train[@]}" --compute bf16
    says err "bf16, relative error"
    check "run.json knows" grep -q '"compute": "bf16"' run/run.json
    expect 0 "${train[@]}" --compute bf16 --resume
    expect 2 "${train[@]}" --resume
    says err "--compute"
    expect 0 "$SELORA" train --config run/run.json --out again
    says err "bf16, relative error"
    expect 0 "$SELORA" generate --model model --prompt x --size 16 --steps 1 --out drawn --compute bf16
    says err "bf16, relative error"
else
    expect 2 "${bench[@]}" --compute bf16
    one_line
    says err "AVX512_BF16"
    expect 2 "${bench[@]}" --backend amx
    one_line
    expect 2 "${train[@]}" --compute bf16
    check "nothing was written" test ! -e run
fi
finish
