#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Checks what no compiler does: the order of rooms, one noun a file, words that do not belong here.
#     tools/check_tree.sh        prints each problem as FILE:LINE: what; exit 1 when there is one
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
mapfile -t sources < <(find src include examples tests \( -name '*.[ch]' -o -name '*.cc' \) | sort)

# A file may include from its own room and the rooms before it; cli and examples know the public header alone.
problems=$(awk -v order="core io medical graph kernels adapters models diffusion data prepare train eval report api cli" '
    BEGIN { count = split(order, list, " "); for (i = 1; i <= count; i++) rank[list[i]] = i }
    FNR == 1 {
        split(FILENAME, part, "/")
        room = part[1] == "src" ? part[2] : part[1]
        base = FILENAME; sub(/.*\//, "", base)
        if (base in seen && room != "tests") print FILENAME ":1: a second file of that name, see " seen[base]
        seen[base] = FILENAME
        if (base ~ /^(utils?|misc|common|helpers?)\.[ch]$/) print FILENAME ":1: a name that says nothing"
        if (part[1] == "src" && !(room in rank)) print FILENAME ":1: a room that is not in the order of rooms"
    }
    FNR <= 2 && /SPDX-License-Identifier: MIT/ { licensed[FILENAME] = 1 }
    FNR == 601 { print FILENAME ":601: over 600 lines" }
    /^#include "/ {
        split($0, quoted, "\""); target = quoted[2]; split(target, step, "/")
        own = target ~ "^" room "/" || (room == "examples" && target !~ /\//)
        if (target ~ /^selora(_judge|_audit|_sweep)?\.h$/ || room == "tests") next
        if ((room == "cli" || room == "examples") && !own)
            print FILENAME ":" FNR ": includes " target "; only public and own headers are allowed"
        else if (!own && !(rank[step[1]] > 0 && rank[step[1]] <= rank[room]))
            print FILENAME ":" FNR ": includes " target ", which is not from a room before " room
    }
    END { for (i = 1; i < ARGC; i++) if (!(ARGV[i] in licensed)) print ARGV[i] ":1: no SPDX line at the top" }
' "${sources[@]}")

# Paths of one machine and numbers of tickets mean nothing to a reader of this tree.
words=$(find . \( -name .git -o -name 'build*' -o -path ./models -o -path ./demo \) -prune -o -type f -print0 |
    xargs -0 grep -InE '/(root|work|home)/[a-z]|/opt/[p]eer|[Ii]ssue #?[0-9]' || true)
problems+=${words:+$'\n'$words}
[[ -z $problems ]] || { echo "$problems"; exit 1; }
