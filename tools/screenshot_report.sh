#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A picture of the top of a report, as docs/report.png shows the demo's. For maintainers: needs chromium, pngquant
# and, to look as it does there, fonts-inter (apt install chromium pngquant fonts-inter).
#     tools/screenshot_report.sh demo/report.html docs/report.png [HEIGHT]
set -euo pipefail
page=$(realpath "$1") picture=$(realpath -m "$2") height=${3:-1500}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
root=()
[[ $(id -u) != 0 ]] || root=(--no-sandbox)
chromium --headless --disable-gpu "${root[@]}" --user-data-dir="$scratch/profile" --hide-scrollbars \
    --force-device-scale-factor=1 --window-size="1200,$height" --screenshot="$scratch/page.png" "file://$page" >/dev/null 2>&1
pngquant --quality 80-100 --speed 1 --output "$scratch/small.png" "$scratch/page.png"
mv "$scratch/small.png" "$picture"
size=$(stat -c %s "$picture")
((size < 400000)) || { echo "$picture has $size bytes, more than 400000: choose a smaller HEIGHT"; exit 1; }
echo "$picture: $size bytes"
