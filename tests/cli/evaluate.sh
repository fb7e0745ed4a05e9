#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# selora evaluate: planted defects move the metric that they should, what cannot be compared is refused, the same bytes for
# any number of threads.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# value FOLDER KEY [FIELD]: a number of FOLDER/metrics.json.
value() {
    awk -v key="    \"$2\": {" -v field="\"${3-value}\":" '
        index($0, key) == 1 { inside = 1 }
        inside && $1 == field { gsub(",", "", $2); print $2; exit }' "$1/metrics.json"
}
# holds WHAT EXPRESSION: of numbers, by awk.
holds() {
    check "$1: $2" awk "BEGIN { exit !($2) }"
}

for set in real:1 train:2 good:3; do
    expect 0 "$SELORA" phantom --out "${set%:*}" --count 30 --size 64 --seed "${set#*:}"
done
judge=("$SELORA" evaluate --real real --train train --size 64 --quiet)
expect 0 "${judge[@]}" --synthetic good --out good-out --threads 1
says out "real 30 pictures, 30 prompts | training 30 pictures"
says out "frd/selora-radiomics-1"
for key in kid/radiomics-z precision/radiomics-z coverage/radiomics-z ms-ssim/any-pair colour-residual/p99 copies/pixel; do
    says out "$key"
done
check "the report" grep -q "<svg" good-out/report.html
check "the report is its owner's" test "$(stat -c %a good-out/report.html)" = 600
check "no prompt and no file name in what is left" bash -c '! grep -rqE "000000|mass|nodule|chest,|knee," good-out'
expect 0 "${judge[@]}" --synthetic good --out good-three --threads 3 --csv good-out/metrics.csv --label again
check "the same bytes with other threads" cmp good-out/metrics.json good-three/metrics.json
check "a line more" test "$(wc -l <good-out/metrics.csv)" = 3

frd=$(value good-out frd/selora-radiomics-1) floor=$(value good-out frd/selora-radiomics-1 floor)
holds "good pictures are near the floor" "$frd < 1.5 * $floor && $frd > 0.6 * $floor"
holds "no copies" "$(value good-out copies/pixel) < 0.2"
holds "no tint" "$(value good-out colour-residual/p99) < 1"
holds "KID of good pictures holds 0" "$(value good-out kid/radiomics-z p_value) > 0.01"
holds "precision" "$(value good-out precision/radiomics-z) > 0.8"

cp -r good blurred && "$SPOIL_PICTURES" blur blurred
expect 0 "${judge[@]}" --synthetic blurred --out blurred-out
holds "blur moves FRD" "$(value blurred-out frd/selora-radiomics-1) > 3 * $frd"
holds "blur moves precision" "$(value blurred-out precision/radiomics-z) < 0.5"
holds "blur moves KID" "$(value blurred-out kid/radiomics-z p_value) < 0.005"

cp -r good collapsed
for i in {5..29}; do
    cp "collapsed/$(printf %06d $((i % 5))).png" "collapsed/$(printf %06d "$i").png"
done
expect 0 "${judge[@]}" --synthetic collapsed --out collapsed-out
holds "collapse moves coverage" "$(value collapsed-out coverage/radiomics-z) < 0.75 * $(value good-out coverage/radiomics-z)"
holds "collapse moves recall" "$(value collapsed-out recall/radiomics-z) < 0.2"
holds "collapse moves likeness" "$(value collapsed-out ms-ssim/any-pair) > 0.05 + $(value collapsed-out ms-ssim/any-pair floor)"
says out "mode collapse"

cp -r good copied
for i in {0..14}; do
    cp "train/$(printf %06d "$i").png" "copied/$(printf %06d "$i").png"
done
expect 0 "${judge[@]}" --synthetic copied --out copied-out --show-patients
holds "copies are found" "$(value copied-out copies/pixel) >= 0.5"
says out "clear"
check "the nearest pairs" grep -q "nearest pairs" copied-out/report.html
check "not unless asked for" bash -c '! grep -q "nearest pairs" good-out/report.html'

cp -r good tinted && "$SPOIL_PICTURES" tint tinted
expect 0 "${judge[@]}" --synthetic tinted --out tinted-out
holds "tint moves the colour residual" "$(value tinted-out colour-residual/p99) > 30"
says out "came out tinted"

# what cannot be compared
expect 3 "$SELORA" evaluate --real real --train real --synthetic good --size 64 --out x --quiet
says err "real pictures are training pictures, pixel for pixel"
expect 0 "$SELORA" phantom --out few --count 4 --size 64 --seed 4
expect 3 "$SELORA" evaluate --real real --synthetic few --size 64 --out x --quiet
says err "4 synthetic pictures are too few"
expect 0 "$SELORA" evaluate --real real --synthetic few --size 64 --out forced --quiet --force
cp -r good deep && "$SPOIL_PICTURES" deep deep
expect 0 "$SELORA" evaluate --real real --synthetic deep --size 64 --out deep-out
says err "rounded to 8"
expect 0 "$SELORA" evaluate --real real --synthetic good --size 64 --out plain-out --quiet
check "depth makes no difference" test "$(value deep-out frd/selora-radiomics-1)" = "$(value plain-out frd/selora-radiomics-1)"
for side in one two; do
    sed "1s/\$/,patient_id/; 2,\$s/\$/,p$side/" real/metadata.csv >patients.csv
    cp -r "$([[ $side == one ]] && echo real || echo train)" "patients-$side" && cp patients.csv "patients-$side/metadata.csv"
done
sed "1s/\$/,patient_id/; 2,\$s/\$/,pone/" train/metadata.csv >patients-two/metadata.csv
expect 3 "$SELORA" evaluate --real patients-one --train patients-two --synthetic good --size 64 --out x --quiet
says err "30 real pictures are of patients who are in the training pictures"
check "nobody is named" bash -c '! grep -q pone err'

# files of features
for set in real train good; do
    expect 0 "$SELORA" features $set --size 64 --out $set.safetensors --quiet
done
expect 0 "$SELORA" evaluate --real real.safetensors --synthetic good.safetensors --train train.safetensors --out files --threads 1
expect 0 "$SELORA" evaluate --real real.safetensors --synthetic good.safetensors --train train.safetensors --out files3 --threads 3
check "the same bytes" cmp files/metrics.json files3/metrics.json
holds "features in F32 make nearly the same distance" "($(value files frd/selora-radiomics-1) / $frd - 1) ^ 2 < 1e-4"
expect 2 "$SELORA" evaluate --real real.safetensors --synthetic good --out x
says err "give one kind"
expect 0 "$SELORA" features good.safetensors --extractor other --out other.safetensors
expect 3 "$SELORA" evaluate --real real.safetensors --synthetic other.safetensors --out x
says err "differ in extractor"
{ echo a,b; for i in {1..20}; do echo 1,2; done; } >constant.csv
{ echo a,b; for i in {1..20}; do echo "$i,$((i * i % 7))"; done; } >varied.csv
expect 3 "$SELORA" evaluate --real constant.csv --synthetic varied.csv --out x
says err "the same for all 20 real pictures"
expect 0 "$SELORA" evaluate --real varied.csv --synthetic varied.csv --out same
holds "nothing is apart from itself" "$(value same fid/file) < 1e-9"
expect 2 "$SELORA" evaluate --real real --out x
expect 3 "$SELORA" evaluate --real nowhere --synthetic good --out x
expect 0 "$SELORA" evaluate --real real --synthetic good --size 96 --out small-out
says err "30 of 30 synthetic pictures are smaller than the metric pictures of 96 pixels"
finish
