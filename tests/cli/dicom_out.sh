#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# generate --dicom: objects that a validator accepts, with the pixels of the PNG, and no prompt unless asked for.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

"$WRITE_TINY_FOLDER" model 1 || exit 1
secret="Zebulon Quux"
base=("$SELORA" generate --model model --size 32x24 --steps 2 --quiet --prompt "$secret")

expect 0 "${base[@]}" --out plain
for text in "synthetic image, selora" "not for diagnosis" model_sha256; do
    says plain/000000.png "$text"
done
expect 0 "${base[@]}" --out drawn --watermark
check "the word is in the picture" test "$(cmp -s plain/000000.png drawn/000000.png; echo $?)" = 1
expect 2 "${base[@]}" --out none --dicom --dicom-bits 12
says err "8|16"

"${base[@]}" --out dicom --dicom --count 2 --dicom-modality DX >out 2>err
if grep -q "knows no DICOM" err; then
    echo "SKIPPED: this build writes no DICOM"
    finish
fi
expect 0 "${base[@]}" --out wide --dicom --dicom-bits 16 --watermark --dicom-prompt
check "a file for each picture" test -s dicom/000001.dcm
check "the pictures are the plain ones" cmp plain/000000.png dicom/000000.png
check "the prompt is in no DICOM file" test -z "$(grep -laF "$secret" dicom/*.dcm)"
says wide/000000.dcm "$secret"
expect 2 "${base[@]}" --out wrong --dicom --dicom-modality "not a term at all"

if command -v dciodvfy >/dev/null; then
    for file in dicom/000000.dcm dicom/000001.dcm wide/000000.dcm; do
        dciodvfy "$file" >verdict 2>&1
        # the validator is older than (0008,001C) Synthetic Data
        check "$file has no other fault" test -z "$(grep -i '^Error' verdict | grep -vi '0008,001c\|0x0008,0x001c')"
    done
else
    echo "SKIPPED: dciodvfy is missing (package dicom3tools)"
fi

if command -v dcm2pnm >/dev/null && command -v dcmdump >/dev/null; then
    dcmdump dicom/000000.dcm >dump 2>&1
    for line in "(0008,001c) CS \[YES\]" "(0008,0060) CS \[DX\]" "(0008,0064) CS \[SYN\]" "(0028,0301) CS \[NO\]" \
        "(0010,0010) PN \[SYNTHETIC^SELORA\]" "(0008,103e) LO \[SYNTHETIC - not a patient image\]"; do
        check "$line" grep -qi "$line" dump
    done
    check "what is drawn is told" grep -q "(0028,0301) CS \[YES\]" <(dcmdump wide/000000.dcm 2>&1)
    study=$(grep -i "^(0020,000d)" dump)
    check "one study" grep -qF "$study" <(dcmdump dicom/000001.dcm 2>&1)
    check "another object" test "$(grep -i '^(0008,0018)' dump)" != "$(dcmdump dicom/000001.dcm 2>&1 | grep -i '^(0008,0018)')"
    check "another job, another study" test -z "$(dcmdump wide/000000.dcm 2>&1 | grep -F "$study")"
    # back through prepare: the greys of the PNG and of the DICOM file are the same
    dcm2pnm +op +Wm dicom/000000.dcm minmax.pgm >/dev/null 2>&1
    check "dcm2pnm opens it" test -s minmax.pgm
    mkdir one && cp dicom/000000.dcm one/ && cp plain/000000.png one/copy.png
    "$SELORA" prepare one --out both --no-text keep --allow-burned-in --quiet >out 2>err
    check "prepare reads both" test -s both/images/000002.png
else
    echo "SKIPPED: dcm2pnm or dcmdump is missing (package dcmtk)"
fi
finish
