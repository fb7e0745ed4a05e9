#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# --memory and --max-memory: less memory from A to C, as much as was predicted, with the same results.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# figure NAME: of the JSON in ./out
figure() { sed -n "s/.*\"$1\": \"\?\([A-Z0-9+]*\)\"\?,\?$/\1/p" out; }

bench=("$SELORA" bench --config tiny --size 64 --batch 4 --repeat 1 --json)
previous=1000000000
declare -A predicted
for class in A A+ B C; do # as small a model has nothing left for B+
    expect 0 "${bench[@]}" --memory $class
    check "class $class runs" test "$(figure memory)" = $class
    bytes=$(figure plan_bytes) peak=$(figure peak_bytes) predicted[$class]=$(figure predicted_bytes)
    check "class $class needs less ($bytes of $previous bytes)" test "$bytes" -lt "$previous"
    if ! ldd "$SELORA" | grep -q libasan; then
        off=$((peak - predicted[$class]))
        check "peak $peak is near ${predicted[$class]}" test ${off#-} -le 20000000
    fi
    previous=$bytes
done

# The first class that fits; what does not fit is refused with both figures.
expect 0 "${bench[@]}" --max-memory "$((predicted[A] / 1000000 + 1))M"
check "A fits" test "$(figure memory)" = A
expect 0 "${bench[@]}" --max-memory "$((predicted[A] / 1000000))M"
check "A+ is taken" test "$(figure memory)" = A+
expect 4 "${bench[@]}" --memory A --max-memory "$((predicted[A] / 1000000))M"
one_line
says err "class A"
expect 4 "${bench[@]}" --max-memory 0.01G
one_line
says err "class C"
says err "--max-memory allows 0.01 GB"
expect 4 "${bench[@]}" --task denoise --max-memory 10M
expect 2 "${bench[@]}" --memory D
for size in 3 G 3GB -3G 0M nanG; do
    expect 2 "${bench[@]}" --max-memory $size
    says err "--max-memory"
done

# Training gives the same bits in every class, and goes on in another one.
"$WRITE_TINY_FOLDER" model 1 || exit 1
"$SELORA" phantom --out data --count 12 --size 32 --seed 3 --quiet || exit 1
train=("$SELORA" train --model model --data data --size 16 --batch-size 2 --lr 1e-2 --lambda 1.02 --probe-every 5
       --validation-images 1 --validation-steps 1)
for class in A A+ B B+ C; do
    expect 0 "${train[@]}" --memory $class --steps 12 --out $class
    says err "(class $class)"
    check "class $class gives the same adapter" cmp -s A/adapter.safetensors $class/adapter.safetensors
done
check "run.json knows" grep -q '"memory": "C"' C/run.json
expect 0 "${train[@]}" --memory A --steps 6 --out mixed
expect 0 "${train[@]}" --memory C --max-memory 3G --steps 12 --out mixed --resume
says err "going on after step 6"
check "going on in another class changes nothing" cmp -s A/adapter.safetensors mixed/adapter.safetensors
expect 4 "${train[@]}" --max-memory 1M --steps 12 --out none
says err "--max-memory allows"
expect 2 "${train[@]}" --max-memory lots --steps 12 --out none
check "nothing was written" test ! -e none
finish
