#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# selora features: folders to files, files to files, refusals.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

expect 0 "$SELORA" phantom --out data --count 6 --size 64 --seed 1
expect 0 "$SELORA" features data --extractor radiomics --size 64 --out one.safetensors
says err "6 pictures, 380 features of"
expect 0 "$SELORA" features data --size 64 --out three.safetensors --threads 3
check "any number of threads makes the same file" cmp one.safetensors three.safetensors
check "no file name and no prompt in it" bash -c '! grep -qE "000000|lesion|mass|chest|knee" one.safetensors'
expect 0 "$SELORA" features one.safetensors --out one.npy
check "the header of numpy" bash -c '[[ $(head -c 6 one.npy) == $(printf "\x93NUMPY") ]]'
expect 0 "$SELORA" features one.safetensors --out one.csv
check "a line a picture" test "$(wc -l <one.csv)" = 7
expect 0 "$SELORA" features one.csv --extractor selora-radiomics-1 --out back.safetensors
says err "extractor selora-radiomics-1"
expect 0 "$SELORA" features back.safetensors --out back.csv
check "there and back" cmp one.csv back.csv

expect 0 "$SELORA" prepare data --out set --size 48
expect 0 "$SELORA" features set --size 48 --out wide.safetensors
expect 0 "$SELORA" features set --size 48 --bits 8 --out eight.safetensors
check "16 bits are told from 8" bash -c 'grep -aq "bicubic, 8 bits" eight.safetensors && ! grep -aq "8 bits" wide.safetensors'

expect 2 "$SELORA" features data
expect 2 "$SELORA" features --out x.npy
says err "expected a folder"
expect 2 "$SELORA" features data --out x.txt
says err "ends in .safetensors"
expect 2 "$SELORA" features data --extractor nonsense --out x.npy
says err "there are radiomics"
printf 'a,b\n1,nan\n' >bad.csv
expect 3 "$SELORA" features bad.csv --out x.npy
says err 'line 2, column 2: found "nan"'
one_line
check "nothing was left behind" bash -c '! ls | grep -q "^x"'
finish
