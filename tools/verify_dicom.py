#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares the stored values that selora reads with those of pydicom, on the test files that pydicom brings along and on
those of the folders given. A file is equal, close (lossy JPEG: one level, three where YBR became RGB, which pydicom rounds
elsewhere), refused by selora with a reason, or wrong; one wrong file fails.
    tools/verify_dicom.py --read build/dicom_read [FOLDER...]
"""
import argparse
import collections
import pathlib
import subprocess
import sys
import tempfile

import numpy
import pydicom

# The reasons for which files may be refused: those that selora does not take by design, and broken ones.
DESIGN = ("expected 8 or 16", "Bits Allocated: found 1 ", "holds no picture", "Float or (7FE0,0009)", "does not decode")
LOSSY = ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.91")


def selora_values(program, path, folder):
    out = pathlib.Path(folder) / "frames.raw"
    run = subprocess.run([program, "--raw", path, out], capture_output=True, text=True)
    if run.returncode not in (0, 3):
        return None, f"exit status {run.returncode}: {run.stderr.strip()}"
    line = run.stdout.strip()
    if line.startswith("refused: "):
        return None, line
    rows, columns, frames, samples, allocated, stored, high, signed = map(int, line.split()[:8])
    values = numpy.fromfile(out, dtype=numpy.uint8 if allocated == 8 else numpy.uint16)
    model = line.split(maxsplit=8)[8]
    if model == "YBR_FULL_422" and values.size < rows * columns * frames * samples:
        first, second, blue, red = values.reshape(-1, 4).T  # pydicom repeats the chroma of a pair
        values = numpy.stack([first, blue, red, second, blue, red], axis=1).reshape(-1)
    return (values, stored, high, model), None


def pydicom_values(path, model):
    data = pydicom.dcmread(path)
    raw = model != "RGB" or data.PhotometricInterpretation == "RGB"
    return data, pydicom.pixels.pixel_array(data, raw=raw).reshape(-1)


def masked(values, stored, high):
    return (values.astype(numpy.int64) >> (high - stored + 1)) & ((1 << stored) - 1)


def judge(program, path, folder):
    mine, why = selora_values(program, path, folder)
    if mine is None:
        return ("refused by design" if any(d in why for d in DESIGN) else "refused" if "refused" in why else "wrong"), why
    values, stored, high, model = mine
    try:
        data, theirs = pydicom_values(path, model)
    except Exception as error:  # whatever pydicom and its plugins raise
        return "no reference", f"{type(error).__name__}: {str(error)[:80]}"
    if theirs.size != values.size:
        return "wrong", f"{values.size} values, pydicom has {theirs.size}"
    difference = numpy.abs(masked(values, stored, high) - masked(theirs, stored, high)).max()
    if difference == 0:
        return "equal", ""
    syntax = str(data.file_meta.TransferSyntaxUID)
    converted = model == "RGB" and data.PhotometricInterpretation != "RGB"
    if syntax in LOSSY and difference <= (3 if converted else 1):
        return "close", ""
    return "wrong", f"largest difference {difference} ({syntax}, {data.PhotometricInterpretation})"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--read", default="build/dicom_read")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("folders", nargs="*")
    options = parser.parse_args()
    bundled = pathlib.Path(pydicom.__file__).parent / "data" / "test_files"
    files = []
    for folder in [bundled, *map(pathlib.Path, options.folders)]:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.suffix.lower() in (".dcm", ".ima", "") and pydicom.misc.is_dicom(path):
                files.append(path)
    counts = collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        for path in files:
            verdict, detail = judge(options.read, path, folder)
            counts[verdict] += 1
            if verdict == "wrong" or options.verbose:
                print(f"{path.name}: {verdict} {detail}")
    print(", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items())))
    good = counts["equal"] + counts["close"]
    print(f"{good} passed, {counts['wrong']} failed")
    sys.exit(1 if counts["wrong"] or not good else 0)


if __name__ == "__main__":
    main()
