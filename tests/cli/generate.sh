#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Pictures from prompts: files, tables, settings, repeatability, refusals.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

"$WRITE_TINY_FOLDER" model 1 || exit 1
secret="Zebulon Quux"
base=("$SELORA" generate --model model --size 16 --steps 3 --quiet)

expect 0 "${base[@]}" --prompt "$secret" --count 3 --out a
for file in 000000.png 000001.png 000002.png grid.png metadata.csv; do
    check "a/$file is there" test -s "a/$file"
done
check "no more pictures" test ! -e a/000003.png
says a/metadata.csv "000002.png,$secret"
check "the prompt is in no picture" test -z "$(grep -lF "$secret" a/*.png)"
expect 0 "${base[@]}" --prompt "$secret" --count 1 --embed-prompt --out embedded
says embedded/000000.png "$secret"

expect 0 "${base[@]}" --prompt "$secret" --count 3 --out b
check "the same bits again" cmp a/000001.png b/000001.png
check "other pictures differ" test "$(cmp -s a/000000.png a/000001.png; echo $?)" = 1
expect 0 "${base[@]}" --prompt "$secret" --count 3 --seed 1 --out c
check "another seed, another picture" test "$(cmp -s a/000000.png c/000000.png; echo $?)" = 1
expect 0 "${base[@]}" --prompt "$secret" --count 3 --batch-size 2 --out d
check "the last part of a batch is drawn" test -s d/000002.png
expect 0 "${base[@]}" --prompt "$secret" --count 3 --batch-size 1 --out d1
expect 0 "${base[@]}" --prompt "$secret" --count 3 --out d3
for picture in 000000 000001 000002; do
    check "picture $picture is the same in batches of 1, 2 and 3" cmp -s "d1/$picture.png" "d/$picture.png"
    check "picture $picture is the same in a batch as large as memory allows" cmp -s "d1/$picture.png" "d3/$picture.png"
done

# the model is stored as F32: as it is, and in 16 bits
for weights in keep f32 auto f16; do
    expect 0 "${base[@]}" --prompt "$secret" --weights "$weights" --out "w-$weights"
done
check "kept weights are the stored ones" cmp w-keep/000000.png w-f32/000000.png
check "auto is f16 here" cmp w-auto/000000.png w-f16/000000.png
expect 2 "${base[@]}" --prompt x --weights f8 --out none
says err "keep|auto|f16|bf16|f32"

for sampler in pndm ddim dpmpp_2m euler; do
    expect 0 "${base[@]}" --prompt x --sampler "$sampler" --out "s-$sampler"
done
expect 0 "${base[@]}" --prompt x --guidance 1 --out unguided
expect 0 "${base[@]}" --prompt x --size 24x16 --out wide

printf 'one\n\n  \ntwo, with a comma\r\nthree' >prompts.txt
expect 0 "${base[@]}" --prompts prompts.txt --out lines
says lines/metadata.csv '"two, with a comma"'
check "three pictures" test "$(find lines -name '0*.png' | wc -l)" = 3
printf 'file_name,text\na.png,"say ""x"""\nb.png,\n' >set.csv
expect 0 "${base[@]}" --prompts set.csv --out rows
check "a picture a row" test "$(find rows -name '0*.png' | wc -l)" = 2
printf 'file_name,caption\na.png,x\n' >bad.csv
expect 3 "${base[@]}" --prompts bad.csv --out bad
one_line
says err "text"

expect 2 "${base[@]}" --prompt x --out a
says err "earlier job"
expect 2 "${base[@]}" --out none
says err "--prompt"
expect 2 "${base[@]}" --prompt x --prompts prompts.txt --out none
printf 'one\ntw\xff\n' >latin.txt
expect 3 "${base[@]}" --prompts latin.txt --out none
one_line
says err "latin.txt: line 2: not UTF-8"
expect 2 "${base[@]}" --prompt $'\xff' --out none
says err "--prompt: not UTF-8"
expect 2 "${base[@]}" --prompt x --negative $'\xe9t\xe9' --out none
says err "--negative: not UTF-8"
expect 2 "${base[@]}" --prompt x --size 20 --out none
says err "multiple of 8"
expect 4 "${base[@]}" --prompt x --size 8192 --batch-size 256 --count 256 --out none
one_line
expect 2 "${base[@]}" --prompt x --steps 1001 --out none
expect 3 "${base[@]}" --prompt x --adapter missing.safetensors --out none
one_line
printf 'not an adapter' >bad.safetensors
expect 3 "${base[@]}" --prompt x --adapter bad.safetensors --out none
one_line
expect 0 "${base[@]}" --prompt x --dry-run --out none
touch file
expect 3 "${base[@]}" --prompt x --out file
check "refused jobs wrote nothing" test ! -e none
finish
