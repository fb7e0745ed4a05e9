#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares the pictures that selora makes of DICOM and NIfTI files with pydicom and nibabel.

    tools/medical_peers.py --write-picture build/tests/write_picture

Three rounds: every small file that comes with pydicom and that it decodes by itself; random DICOM files of
all bit layouts, signs, slopes, windows, tables, presentations and paddings; random NIfTI files of every
orientation and both versions. Prints each difference and counts; exits with 1 when there is one.
"""

import argparse
import itertools
import os
import subprocess
import sys
import tempfile
import warnings

import nibabel
import numpy as np
import pydicom
import pydicom.data
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels import apply_modality_lut, apply_voi_lut, pixel_array
from pydicom.sequence import Sequence

warnings.simplefilter("ignore")
FLOAT, HALF_LEVEL = 1e-5, 0.51 / 255  # pydicom rounds converted colours to levels
LOSSY = 3.01 / 255  # two decoders of the same JPEG, with their own ways between half and full chroma


class Peers:
    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        self.passed = self.failed = 0

    def picture(self, path, frame=0, *axis):
        """Words of the line, and the pixels; (line, None) when refused."""
        out = os.path.join(self.folder, "out.raw")
        run = subprocess.run([self.program, path, str(frame), out, *axis], capture_output=True, text=True)
        if run.returncode != 0:
            return f"exit {run.returncode}: {run.stderr.strip()}", None
        if run.stdout.startswith("refused"):
            return run.stdout.strip(), None
        words = run.stdout.split()
        width, height, channels = map(int, words[:3])
        pixels = np.fromfile(out, np.float32).reshape(height, width, channels)
        return words, pixels[:, :, 0] if channels == 1 else pixels

    def compare(self, name, found, expected, tolerance):
        wrong = found is None or found.shape != expected.shape or not np.abs(found - expected).max() <= tolerance
        if wrong:
            shapes = (None if found is None else found.shape, expected.shape)
            worst = np.abs(found - expected).max() if found is not None and shapes[0] == shapes[1] else shapes
            print(f"{name}: differs: {worst}")
        self.failed += wrong
        self.passed += not wrong


def window(x, centre, width, function):
    if function == "SIGMOID":
        return 1 / (1 + np.exp(-4 * (x - centre) / width))
    if function == "LINEAR_EXACT":
        return np.clip((x - centre) / width + 0.5, 0, 1)
    if width == 1:
        return (x > centre - 0.5).astype(float)
    return np.clip((x - (centre - 0.5)) / (width - 1) + 0.5, 0, 1)


def first(value):
    return float(value[0]) if isinstance(value, pydicom.multival.MultiValue) else float(value)


def grey_of(dataset, stored):
    """The pipeline of PS3.3 C.11 with pydicom's own look-ups."""
    x = apply_modality_lut(stored, dataset).astype(np.float64)
    padding = stored == dataset.PixelPaddingValue if "PixelPaddingValue" in dataset else np.zeros(stored.shape, bool)
    if dataset.get("VOILUTSequence"):
        nearest = np.trunc(x + np.copysign(0.5, x)).astype(np.int64)  # halves away from 0
        y = apply_voi_lut(nearest, dataset)
        y = y / (2.0 ** dataset.VOILUTSequence[0].LUTDescriptor[2] - 1)
    elif "WindowCenter" in dataset:
        function = dataset.get("VOILUTFunction") or "LINEAR"
        y = window(x, first(dataset.WindowCenter), first(dataset.WindowWidth), function)
    else:
        low, high = np.percentile(x[~padding], [0.5, 99.5]) if not padding.all() else (0, 0)
        y = np.clip((x - low) / (high - low), 0, 1) if high > low else (x > low).astype(float)
    shape = dataset.get("PresentationLUTShape")
    if shape == "INVERSE" or (shape != "IDENTITY" and dataset.PhotometricInterpretation == "MONOCHROME1"):
        y = 1 - y
    y[padding] = 0
    return y


def colours_of(dataset, stored):
    """RGB 0..1 and the tolerance; grey where all channels are within 2 levels."""
    rgb = stored / (2.0**dataset.BitsStored - 1)
    lossy = dataset.file_meta.TransferSyntaxUID in (pydicom.uid.JPEGBaseline8Bit, pydicom.uid.JPEGExtended12Bit)
    converted = dataset.PhotometricInterpretation.startswith("YBR_FULL")
    apart = np.abs(rgb[..., :2] - rgb[..., 1:]).max() * 255
    tolerance = LOSSY if lossy else HALF_LEVEL if converted else FLOAT
    return (rgb @ [0.299, 0.587, 0.114] if apart <= 2 else rgb), tolerance


def bundled_files(peers):
    root = os.path.join(os.path.dirname(pydicom.data.__file__), "test_files")
    for folder, _, names in sorted(os.walk(root)):
        for name in sorted(names):
            path = os.path.join(folder, name)
            try:
                dataset = pydicom.dcmread(path)
                stored = pixel_array(path, index=0)  # colours become RGB
            except Exception:  # no picture, or one that pydicom needs a plug-in for
                continue
            line, found = peers.picture(path)
            by_design = dataset.BitsAllocated not in (8, 16) or "no whole DICOM object" in line
            if by_design and found is None:
                continue
            square = found is not None and found.shape[:2] == stored.shape[:2]
            if dataset.PhotometricInterpretation == "PALETTE COLOR" or (found is not None and not square):
                continue  # resampled ones are compared by the tests of resampling
            if stored.ndim == 3:
                peers.compare(name, found, *colours_of(dataset, stored))
            else:
                peers.compare(f"{name} ({line})", found, grey_of(dataset, stored), FLOAT)


def random_dataset(rng, path):
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = pydicom.uid.SecondaryCaptureImageStorage
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
    allocated = int(rng.choice([8, 16, 16, 16]))
    stored = allocated if rng.random() < 0.3 else int(rng.integers(allocated // 2, allocated + 1))
    signed = int(rng.random() < 0.4)
    rows, columns = (int(n) for n in rng.integers(1, 40, 2))
    least, most = (-(2 ** (stored - 1)), 2 ** (stored - 1)) if signed else (0, 2**stored)
    values = rng.integers(least, most, (rows, columns))
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = rows, columns, 1
    dataset.BitsAllocated, dataset.BitsStored = allocated, stored
    dataset.HighBit = stored - 1 if rng.random() < 0.8 else int(rng.integers(stored - 1, allocated))
    dataset.PixelRepresentation = signed
    dataset.PhotometricInterpretation = str(rng.choice(["MONOCHROME1", "MONOCHROME2"]))
    if rng.random() < 0.4:
        dataset.PresentationLUTShape = str(rng.choice(["IDENTITY", "INVERSE"]))
    words = (values & (2**stored - 1)) << (dataset.HighBit - stored + 1)
    dataset.PixelData = words.astype(np.uint8 if allocated == 8 else "<u2").tobytes()
    if len(dataset.PixelData) % 2:
        dataset.PixelData += b"\0"
    dataset["PixelData"].VR = "OW" if allocated == 16 else "OB"
    low, high = float(least), float(most - 1)
    if rng.random() < 0.6:
        slope, intercept = round(float(rng.uniform(0.1, 4)), 3), int(rng.integers(-2000, 500))
        dataset.RescaleSlope, dataset.RescaleIntercept = str(slope), intercept
        low, high = low * slope + intercept, high * slope + intercept
    choice = rng.random()
    if choice < 0.6:
        dataset.WindowCenter = str(round(float(rng.uniform(low, high)), 2))
        dataset.WindowWidth = str(round(float(rng.uniform(1, high - low + 2)), 2))
        if rng.random() < 0.7:
            dataset.VOILUTFunction = str(rng.choice(["LINEAR", "LINEAR_EXACT", "SIGMOID"]))
    elif choice < 0.8 and low >= -32768 and high <= 32767:  # beyond, pydicom overflows
        add_table(rng, dataset, low, high)
    if rng.random() < 0.3:
        dataset.add_new(0x00280120, "SS" if signed else "US", int(rng.choice(values.ravel())))
    dataset.save_as(path, enforce_file_format=True)
    return values


def add_table(rng, dataset, low, high):
    bits, entries = int(rng.integers(10, 17)), int(rng.integers(2, 3000))
    most = 32767 - entries if low < 0 else 65535 - entries
    table = Dataset()
    start = int(np.clip(rng.integers(int(low), int(high) + 1), -32768 if low < 0 else 0, most))
    table.add_new(0x00283002, "SS" if low < 0 else "US", [entries, start, bits])
    table.add_new(0x00283006, "OW", rng.integers(0, 2**bits, entries).astype("<u2").tobytes())
    dataset.VOILUTSequence = Sequence([table])


def random_dicom(peers, rng, count):
    path = os.path.join(peers.folder, "random.dcm")
    for i in range(count):
        values = random_dataset(rng, path)
        dataset = pydicom.dcmread(path)
        line, found = peers.picture(path)
        peers.compare(f"random DICOM {i} ({line})", found, grey_of(dataset, values), FLOAT)


def random_nifti(peers, rng):
    turn = np.array([[np.cos(0.2), -np.sin(0.2), 0], [np.sin(0.2), np.cos(0.2), 0], [0, 0, 1]])
    kinds = [(nibabel.Nifti1Image, np.int16), (nibabel.Nifti2Image, np.float32), (nibabel.Nifti1Image, np.uint8)]
    cases = itertools.product(itertools.permutations(range(3)), itertools.product((1, -1), repeat=3), kinds)
    for number, (order, signs, (kind, dtype)) in enumerate(cases):
        values = (rng.standard_normal(tuple(rng.integers(3, 9, 3))) * 50 + 100).astype(dtype)
        affine = np.eye(4)
        affine[:3, :3] = 0
        for axis in range(3):
            affine[order[axis], axis] = signs[axis]
        affine[:3, :3] = turn @ affine[:3, :3]
        image = kind(values, affine)
        if number % 2:
            image.set_sform(None, 0)
            image.set_qform(affine, 1)
        path = os.path.join(peers.folder, "random.nii" + (".gz" if number % 3 == 0 else ""))
        nibabel.save(image, path)
        volume = nibabel.as_closest_canonical(nibabel.load(path)).get_fdata()
        low, high = np.percentile(volume, [0.5, 99.5])
        for through, name in ((2, "axial"), (1, "coronal"), (0, "sagittal")):
            index = int(rng.integers(0, volume.shape[through]))
            line, found = peers.picture(path, index, name)
            expected = np.clip((np.take(volume, index, axis=through).T[::-1, ::-1] - low) / (high - low), 0, 1)
            peers.compare(f"random NIfTI {number} {name} ({line})", found, expected, FLOAT)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write-picture", required=True, help="the program of that name of the tests")
    parser.add_argument("--random", type=int, default=300, help="how many random DICOM files")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        peers = Peers(options.write_picture, folder)
        bundled_files(peers)
        random_dicom(peers, rng, options.random)
        random_nifti(peers, rng)
    print(f"{peers.passed} passed, {peers.failed} failed")
    sys.exit(1 if peers.failed or not peers.passed else 0)


if __name__ == "__main__":
    main()
