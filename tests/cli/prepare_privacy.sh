#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Forty values that would name a patient stand in every kind of text element, in file names and in a table: after prepare,
# train --prepare, train and generate none of them is in any file or message that selora left.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

if ! command -v dump2dcm >/dev/null; then
    echo "SKIPPED: dump2dcm is missing (package dcmtk)"
    exit 0
fi

# Element and representation; the value is made below. Free text, names, dates, times, numbers, identifiers, codes.
elements=(
    "0008,0018 UI" "0008,0020 DA" "0008,0021 DA" "0008,0030 TM" "0008,0050 SH" "0008,0080 LO" "0008,0081 ST" "0008,0090 PN"
    "0008,0092 ST" "0008,0094 SH" "0008,1010 SH" "0008,1030 LO" "0008,103e LO" "0008,1040 LO" "0008,1048 PN" "0008,1050 PN"
    "0008,1060 PN" "0008,1070 PN" "0008,1080 LO" "0010,0010 PN" "0010,0020 LO" "0010,0030 DA" "0010,1000 LO" "0010,1001 PN"
    "0010,1040 LO" "0010,2154 SH" "0010,21b0 LT" "0010,4000 LT" "0018,1000 LO" "0018,1030 LO" "0020,000d UI" "0020,000e UI"
    "0020,0010 SH" "0020,4000 LT" "0032,1032 PN" "0032,1060 LO" "0038,0010 LO" "0040,0254 LO" "0040,a123 PN" "4008,0114 PN"
)
# Code strings that are on the allow-list, filled with somebody's free text: what is no defined term must not pass.
codes=("0018,0015 CS ZQBODYPART" "0018,5101 CS ZQVIEW" "0008,0060 CS ZQMODALITY" "0010,0040 CS ZQSEX" "0020,0060 CS ZQSIDE")

planted=()
value_of() { # number, representation
    case $2 in
    UI) echo "2.25.4711$(printf %04d "$1")8877" ;;
    DA) echo "19$(printf %02d $((10 + $1)))0$((1 + $1 % 9))17" ;;
    TM) echo "1$(($1 % 10))3746.7$(printf %03d "$1")91" ;;
    *) echo "Zq$(printf %02d "$1")Secret" ;;
    esac
}

head -c 512 /dev/zero | tr '\0' '\1' >dark.raw
make_file() { # name, number of the picture, further lines
    local i=0 element
    # a disc of its own for each picture, so that no two are copies
    awk -v n="$2" 'BEGIN { for (y = 0; y < 16; y++) for (x = 0; x < 16; x++)
        printf "%c%c", 1 + (x * (n + 1) * 7 + y * (13 - n)) % 120, 1 + (x * n + y) % 7 }' >pixels.raw
    [[ $(stat -c %s pixels.raw) == 512 ]] || cp dark.raw pixels.raw
    {
        echo "(0002,0010) UI =LittleEndianExplicit"
        echo "(0008,0016) UI =SecondaryCaptureImageStorage"
        for element in "${elements[@]}"; do
            i=$((i + 1))
            read -r tag vr <<<"$element"
            value=$(value_of $i "$vr")
            [[ $tag == 0008,0018 || $tag == 0020,000d || $tag == 0020,000e ]] && value=$value$2
            [[ $tag == 0010,0020 ]] && value=$value$(($2 / 2))
            echo "($tag) $vr [$value]"
        done
        printf '%s\n' "(0028,0002) US 1" "(0028,0004) CS [MONOCHROME2]" "(0028,0010) US 16" "(0028,0011) US 16" \
            "(0028,0100) US 16" "(0028,0101) US 12" "(0028,0102) US 11" "(0028,0103) US 0" "(7fe0,0010) OW =pixels.raw"
        printf '%s' "$3"
    } | LC_ALL=C sort -u >file.dump
    dump2dcm -q file.dump "$1" 2>dump.err || { cat dump.err; exit 1; }
}

i=0
for element in "${elements[@]}"; do
    i=$((i + 1))
    read -r _ vr <<<"$element"
    planted+=("$(value_of $i "$vr")")
done
check "forty values are planted" test ${#planted[@]} = 40
for code in "${codes[@]}"; do planted+=("${code##* }"); done
planted+=(Quuxson MRN4711 Zebulon)

mkdir -p export/Quuxson_MRN4711
for n in 0 1 2 3 4 5 6 7; do
    make_file "export/Quuxson_MRN4711/Zebulon_$n.dcm" $n ""
done
lines=
for code in "${codes[@]}"; do
    read -r tag vr value <<<"$code"
    lines+="($tag) $vr [$value]"$'\n'
done
make_file export/Quuxson_MRN4711/Zebulon_codes.dcm 9 "$lines"
head -c 700 export/Quuxson_MRN4711/Zebulon_0.dcm >export/Quuxson_MRN4711/Zebulon_cut.dcm
echo "no picture" >export/Quuxson_MRN4711/Zebulon_text.png
{
    echo "image,findings,who"
    for n in 0 1 2 3 4 5 6 7; do echo "Zebulon_$n.dcm,the picture number $n,MRN4711-$((n / 2))"; done
    echo "Zebulon_codes.dcm,the picture with codes,MRN4711-9"
} >reports.csv
for value in "${planted[@]}"; do # the test can fail: all values are in what goes in
    grep -rqaF "$value" export reports.csv || [[ -n $(find export -name "*$value*") ]] || check "$value is planted" false
done

# nothing_in WHAT: no planted value in the messages of the last command, in any file below WHAT or in a name of one.
nothing_in() {
    local value
    for value in "${planted[@]}"; do
        check "$value is in no message" test -z "$(grep -F "$value" out err)"
        check "$value is in no file of $1" test -z "$(grep -rlaF "$value" "$1")"
        check "$value is in no name in $1" test -z "$(find "$1" -name "*$value*")"
    done
}

"$WRITE_TINY_FOLDER" model 1 || exit 1
"$SELORA" prepare export reports.csv --out set --max-bad 9 --columns patient=who >out 2>err </dev/null
code=$?
if grep -q "knows no DICOM" err; then
    echo "SKIPPED: this build reads no DICOM"
    exit 0
fi
check "prepare ends well" test $code = 0
says set/metadata.csv "the picture number 7"
check "nine rows" test "$(wc -l <set/metadata.csv)" = 10
nothing_in set
expect 0 "$SELORA" prepare export reports.csv --out headers --max-bad 9 --template "{modality} {view} {body_part} {sex} {age} {text}"
nothing_in headers
expect 3 "$SELORA" prepare export reports.csv --out strict --columns patient=who
nothing_in strict
says err "--max-bad"
check "others are kept out" test -z "$(find set headers strict -perm /077)"

expect 0 "$SELORA" inspect set
nothing_in set
train=("$SELORA" train --model model --size 16 --batch-size 1 --steps 3 --checkpoint-every 2 --validation-steps 1)
expect 0 "${train[@]}" --out run --data set
says err "patients on two sides"
nothing_in run
cp reports.csv export/Quuxson_MRN4711/metadata.csv
printf '{"max-bad": 9, "columns": "patient=who"}' >options.json
expect 0 "${train[@]}" --out direct --data export/Quuxson_MRN4711 --prepare --prepare-with options.json
check "the data set is in the run" test -s direct/data/metadata.csv
nothing_in direct
expect 0 "${train[@]}" --out direct --data export/Quuxson_MRN4711 --prepare --prepare-with options.json --resume
expect 0 "$SELORA" generate --model model --adapter run/adapter.safetensors --prompts set/metadata.csv --size 16 --steps 1 --out drawn --dicom
nothing_in drawn
expect 0 "$SELORA" train --config direct/run.json --out again
nothing_in again

# purge: keys, caches; then all of it
expect 0 "$SELORA" purge run
check "no latents are left" test ! -e run/cache
expect 0 "$SELORA" purge direct --all
check "no pictures are left" test ! -e direct/data
expect 0 "$SELORA" purge set
check "no keys are left" test ! -e set/.selora
expect 0 "$SELORA" purge set --all
check "nothing is left" test ! -e set
expect 3 "$SELORA" purge export
one_line
check "sources are not touched" test -s export/Quuxson_MRN4711/Zebulon_7.dcm
expect 2 "$SELORA" purge
finish
