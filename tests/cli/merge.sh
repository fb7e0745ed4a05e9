#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# selora merge: folders and single files from each other, several adapters, what is refused, what is left behind.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

"$WRITE_TINY_FOLDER" model 1 || exit 1
expect 0 "$SELORA" phantom --out data --count 8 --size 32 --seed 1
expect 0 "$SELORA" train --model model --data data --out run --steps 3 --batch-size 1 --validation-images 0 \
    --size 32 --method lora --rank 2 --lr 1e-2 --quiet
expect 0 "$SELORA" convert run --to kohya lora.safetensors --quiet
draw=("$SELORA" generate --prompt chest --steps 2 --size 32 --weights keep --quiet)
merge=("$SELORA" merge --model model)
expect 0 "${draw[@]}" --model model --out plain

# a folder, a file, and one from the other: the same weights, so the same picture
expect 0 "${merge[@]}" --adapter run:0.5 --out folder/
says err "the model with 1 adapter in its weights"
expect 0 "${merge[@]}" --adapter run:0.5 --out single.safetensors
expect 0 "$SELORA" merge --model single.safetensors --model-config model --adapter run:0 --out unpacked
expect 0 "$SELORA" merge --model single.safetensors --model-config model --adapter run:0 --out again.safetensors
expect 0 "${draw[@]}" --model folder --out drawn
expect 0 "${draw[@]}" --model unpacked --out drawn-unpacked
for file in single again; do
    expect 0 "${draw[@]}" --model $file.safetensors --model-config model --out drawn-$file
    check "$file has the same weights" cmp drawn/grid.png drawn-$file/grid.png
done
check "so has the folder made of a file" cmp drawn/grid.png drawn-unpacked/grid.png
check "the adapter changes the picture" bash -c '! cmp -s drawn/grid.png plain/grid.png'

# generate can do the same for itself
expect 0 "${draw[@]}" --model model --adapter run:0.5 --merge always --out drawn-always
check "put into the weights as merge does it" cmp drawn-always/grid.png drawn/grid.png
long=("$SELORA" generate --prompt chest --steps 20 --size 32 --model model --adapter run:0.5)
expect 0 "${long[@]}" --out long
says err "layers of the adapters put into the weights"
expect 0 "${long[@]}" --out two --count 2 --quiet
check "a picture is the same in every job" cmp long/000000.png two/000000.png
expect 0 "${long[@]}" --out never --merge never
check "never is never" bash -c '! grep -q "put into the weights" err'
expect 2 "${draw[@]}" --model model --adapter run --merge often --out x

# several add up; what cancels leaves the model's own bits
expect 0 "${merge[@]}" --adapter run:1 --adapter lora.safetensors:-0.5 --out sum.safetensors
expect 0 "${draw[@]}" --model sum.safetensors --model-config model --out drawn-sum
check "1 less 0.5 is 0.5" cmp drawn-sum/grid.png drawn/grid.png
expect 0 "${merge[@]}" --adapter run:1 --adapter lora.safetensors:-1 --out nothing
expect 0 "${draw[@]}" --model nothing --out drawn-nothing
check "one less the other is none" cmp drawn-nothing/grid.png plain/grid.png
expect 0 "${merge[@]}" --adapter run:0.5 --out one.safetensors --threads 1
check "threads change nothing" cmp one.safetensors single.safetensors

# types, and what headers say
for dtype in f16 bf16; do
    expect 0 "${merge[@]}" --adapter run --out $dtype --dtype $dtype
    check "no other type is left in $dtype" bash -c "! grep -aqE '\"dtype\":\"F(32|64)\"' $dtype/*/*.safetensors"
    check "it opens" "$SELORA" inspect $dtype >/dev/null
done
check "the base is named by its sum" grep -aq '"selora.model_sha256":"[0-9a-f]\{64\}"' single.safetensors
check "the adapter and its strength, too" grep -aq 'adapter_sha256.*strength[\\": ]*0.5' single.safetensors
check "no paths in headers" bash -c '! grep -aqE "run|lora\.safe|$PWD" <(head -c 400 single.safetensors)'

# whole or not at all
for delay in 0.01 0.03 0.06 0.1 0.2; do
    "${merge[@]}" --adapter run --out killed >out 2>err &
    sleep $delay
    kill -9 $! 2>/dev/null
    wait $! 2>/dev/null
    [[ ! -e killed ]] || expect 0 "$SELORA" inspect killed
    rm -rf killed killed.*.tmp
done
for out in x x.safetensors; do
    expect 4 bash -c 'ulimit -f 100; exec "$@"' - "${merge[@]}" --adapter run --out $out --quiet
    one_line
    expect 5 "${merge[@]}" --adapter run:1e50 --out $out --quiet
    says err "is not finite in F32"
done
expect 5 "${merge[@]}" --adapter run:1e12 --out x --dtype f16 --quiet

expect 2 "${merge[@]}" --adapter run --out single.safetensors
says err "exists already"
expect 2 "${merge[@]}" --adapter run --out folder
expect 2 "${merge[@]}" --adapter run --out x --dtype f64
expect 2 "${merge[@]}" --out x
expect 3 "${merge[@]}" --adapter run --adapter model --out x
says err "no adapter"
expect 3 "$SELORA" merge --model model --variant fp16 --adapter run --out x
check "nothing was left behind" bash -c '! ls | grep -q "^x"'
finish
