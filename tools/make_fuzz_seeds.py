#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the seeds of the fuzz targets: good files of each kind, cut ones, ones with absurd sizes.

    python3 tools/make_fuzz_seeds.py tests/fuzz/corpus tests/golden/pictures
"""
import json
import struct
import sys
import zlib
from pathlib import Path


def save(folder, name, data):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def chunk(kind, body=b""):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width, height, depth, colour, raw, extra=b"", interlace=0):
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra
            + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND"))


def raw_rows(width, height, bits, filters=True):
    row_bytes = (width * bits + 7) // 8
    rows = (bytes([y % 5 if filters else 0]) + bytes((7 * y + 13 * x) % 256 for x in range(row_bytes))
            for y in range(height))
    return b"".join(rows)


def png_seeds(folder):
    palette = chunk(b"PLTE", bytes(range(48)))
    alpha = chunk(b"tRNS", bytes([0, 128, 255]))
    kinds = [(1, 0, 1), (2, 0, 2), (4, 0, 4), (8, 0, 8), (16, 0, 16), (8, 2, 24), (16, 2, 48),
             (8, 4, 16), (16, 4, 32), (8, 6, 32), (16, 6, 64)]
    for depth, colour, bits in kinds:
        save(folder, f"colour{colour}_depth{depth}", png(6, 5, depth, colour, raw_rows(6, 5, bits)))
    for depth in (1, 2, 4):
        save(folder, f"palette_depth{depth}", png(6, 5, depth, 3, raw_rows(6, 5, depth), palette + alpha))
    save(folder, "palette_index_outside", png(2, 1, 8, 3, b"\0\x01\xff", palette))
    save(folder, "palette_missing", png(2, 1, 8, 3, b"\0\1\2"))
    save(folder, "transparent_grey", png(6, 5, 8, 0, raw_rows(6, 5, 8), chunk(b"tRNS", b"\0\7")))
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    raw = b"".join(raw_rows(len(range(x, 9, dx)), len(range(y, 9, dy)), 8)
                   for x, y, dx, dy in passes if len(range(x, 9, dx)))
    whole = png(9, 9, 8, 0, raw, interlace=1)
    save(folder, "interlaced", whole)
    save(folder, "interlaced_cut", whole[:-30])
    good = png(6, 5, 8, 2, raw_rows(6, 5, 24))
    for length in (0, 7, 8, 20, 33, 50, len(good) - 14, len(good) - 2):
        save(folder, f"cut_at_{length}", good[:length])
    broken = bytearray(good)
    broken[45] ^= 0x10
    save(folder, "bad_checksum", bytes(broken))
    save(folder, "huge_size", png(0x7FFFFFFF, 0x7FFFFFFF, 16, 6, b"\0"))
    save(folder, "zero_size", png(0, 5, 8, 0, b"\0"))
    save(folder, "wide_one_row", png(4096, 1, 1, 0, raw_rows(4096, 1, 1)))
    save(folder, "too_few_pixels", png(64, 64, 8, 0, raw_rows(64, 2, 8)))
    save(folder, "too_many_pixels", png(2, 2, 8, 0, raw_rows(64, 64, 8)))
    save(folder, "bad_filter", png(2, 2, 8, 0, b"\x09\1\2\x00\3\4"))
    save(folder, "bad_depth", png(2, 2, 3, 0, raw_rows(2, 2, 3)))
    save(folder, "long_chunk", good[:33] + struct.pack(">I", 0x7FFFFFF0) + b"tEXtKey\0" + good[33:])
    save(folder, "text_bomb", png(2, 2, 8, 0, raw_rows(2, 2, 8),
                                  chunk(b"zTXt", b"Key\0\0" + zlib.compress(bytes(1 << 20), 9))))
    save(folder, "texts", png(2, 2, 8, 0, raw_rows(2, 2, 8), chunk(b"tEXt", b"Key\0value")
                              + chunk(b"iTXt", b"Key\0\0\0\0\0v\xc3\xa4lue") + chunk(b"gAMA", b"\0\0\xb1\x8f")))


def jpeg_seeds(folder, pictures):
    for name in ("grey", "colour420", "progressive", "ink"):
        data = (pictures / f"{name}.jpg").read_bytes()
        save(folder, name, data)
        save(folder, f"{name}_cut", data[: len(data) * 2 // 3])
    grey = bytearray((pictures / "grey.jpg").read_bytes())
    frame = grey.index(b"\xff\xc0")
    save(folder, "headers_only", bytes(grey[: frame + 19]))
    grey[frame + 5: frame + 9] = b"\xff\xff\xff\xff"
    save(folder, "huge_size", bytes(grey))
    grey[frame + 5: frame + 9] = b"\x0f\xff\x00\x10"
    save(folder, "too_few_rows", bytes(grey))
    grey[frame + 5: frame + 9] = b"\0\0\0\0"
    save(folder, "zero_size", bytes(grey))
    save(folder, "start_only", b"\xff\xd8\xff")
    save(folder, "endless_marker", b"\xff\xd8\xff\xe0\xff\xff")


def csv_seeds(folder):
    seeds = {
        "plain": b"file_name,text,patient_id\na.png,heart,1\nb.png,\"lung, left\",2\n",
        "crlf": b"a,b\r\n1,2\r\n\r\n3,4\r\n", "cr": b"a,b\r1,2\r", "bom": b"\xef\xbb\xbfa,b\n1,2",
        "quotes": b"a,b\n\"he said \"\"no\"\"\",\"two\r\nlines\"\n", "open_quote": b"a\n\"x\ny",
        "after_quote": b"a\n\"x\"y\n", "ragged": b"a,b\n1\n1,2,3\n", "blank_rows": b"\n,\na,b\n,\n1,\n",
        "nul": b"a\0b\n", "latin1": b"a\nM\xfcller\n", "utf16": "a,b\n1,2\n".encode("utf-16"),
        "empty": b"", "same_names": b"a,a\n1,2\n", "commas": b"a" + b"," * 2000, "bom_twice": b"\xef\xbb\xbf" * 2 + b"a\n1\n",
    }
    for name, data in seeds.items():
        save(folder, name, data)


def jsonl_seeds(folder):
    seeds = {
        "plain": b'{"file_name": "a.png", "text": "heart"}\n{"file_name": "b.png", "text": "l\\u00fcng"}\n',
        "types": b'{"i": -1, "r": 0.5, "t": true, "n": null, "l": [1, {"a": 2}]}\n\n{"other": "x"}',
        "crlf": b'{"a": 1}\r\n{"a": 2}\r\n', "bom": b'\xef\xbb\xbf{"a": 1}', "array": b"[1]\n", "cut": b'{"a": "x',
        "repeated": b'{"a": 1, "a": 2}', "nul": b'{"a": "\\u0000"}', "surrogate": b'{"a": "\\ud800"}',
        "deep": b'{"a": ' + b"[" * 3000, "many_keys": b"".join(b'{"k%d": 1}\n' % i for i in range(200)), "empty": b"",
    }
    for name, data in seeds.items():
        save(folder, name, data)


def json_seeds(folder):
    seeds = {
        "config": b'{"act_fn": "silu", "block_out_channels": [32, 64], "eps": 1e-06, "x": null, "deep": {"a": [true, false]}}',
        "numbers": b"[0, -0.0, 1e308, 5e-324, 0.1, 123456789012345678, -9223372036854775808, 3.0]",
        "texts": b'["", "\\u00e4\\ud83d\\ude00", "\\"\\\\\\/\\b\\f\\n\\r\\t", "\xe6\xad\xa3"]',
        "too_big": b"[9223372036854775808]", "overflow": b"[1e999]", "nan": b"[NaN]", "cut": b'{"a": [1, 2',
        "repeated": b'{"a": 1, "a": 2}', "deep": b"[" * 4000, "bom": b"\xef\xbb\xbf{}", "two": b"{} {}", "empty": b"",
        "bad_utf8": b'["\xff"]', "nul": b'["a\0b"]',
    }
    for name, data in seeds.items():
        save(folder, name, data)


def tensors(header, data=b"", length=None, pad=True):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    text += b" " * (-len(text) % 8) if pad else b""
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def safetensors_seeds(folder):
    good = {"__metadata__": {"format": "pt"}, "a": entry("F32", [2, 2], 0, 16), "b": entry("F16", [3], 16, 22),
            "c": entry("BF16", [], 22, 24), "d": entry("I64", [1], 24, 32), "e": entry("F64", [1], 32, 40),
            "f": entry("U8", [4], 40, 44), "g": entry("F32", [0], 44, 44)}
    data = bytes(range(44))
    whole = tensors(good, data)
    save(folder, "good", whole)
    save(folder, "no_tensors", tensors({}))
    for length in (0, 7, 8, 30, len(whole) - 1):
        save(folder, f"cut_at_{length}", whole[:length])
    save(folder, "long_header", tensors({}, length=2**63))
    save(folder, "header_past_end", tensors({}, length=1000))
    save(folder, "bad_json", tensors(b'{"a": '))
    save(folder, "not_object", tensors(b"[1, 2]"))
    save(folder, "huge_shape", tensors({"a": entry("F32", [2**62, 4], 0, 0)}))
    save(folder, "huge_offset", tensors({"a": entry("F32", [1], 2**62, 2**62 + 4)}, bytes(4)))
    save(folder, "negative", tensors({"a": entry("F32", [-1], 0, -4)}))
    save(folder, "overlap", tensors({"a": entry("F32", [1], 0, 4), "b": entry("F32", [1], 2, 6)}, bytes(6)))
    save(folder, "hole", tensors({"a": entry("F32", [1], 0, 4), "b": entry("F32", [1], 8, 12)}, bytes(12)))
    save(folder, "trailing", tensors({"a": entry("F32", [1], 0, 4)}, bytes(12)))
    save(folder, "wrong_size", tensors({"a": entry("F32", [3], 0, 4)}, bytes(4)))
    save(folder, "unknown_type", tensors({"a": entry("X9", [1], 0, 4)}, bytes(4)))
    save(folder, "repeated", tensors(b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},'
                                     b'"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', bytes(1)))
    save(folder, "reversed_offsets", tensors({"a": entry("F32", [1], 4, 0)}, bytes(4)))
    save(folder, "deep", tensors(b'{"a":' * 500))
    save(folder, "metadata_number", tensors({"__metadata__": {"a": 1}}))


def adapter_seeds(folder):
    """Files for the three layers that the target knows: unet.attn1.to_q 3 -> 2, unet.attn1.to_out.0 2 -> 2, a text layer 2 -> 3."""
    text = "text_model.encoder.layers.0.mlp.fc1"

    def adapter(pairs, metadata=None, alphas=()):
        header, data = ({"__metadata__": metadata} if metadata else {}), b""
        for a, b, rows, cols, rank in pairs:
            for name, shape in ((a, [rank, cols]), (b, [rows, rank])):
                values = struct.pack(f"<{shape[0] * shape[1]}f", *(0.1 * (i % 7) for i in range(shape[0] * shape[1])))
                header[name] = entry("F32", shape, len(data), len(data) + len(values))
                data += values
        for name, value in alphas:
            header[name] = entry("F32", [], len(data), len(data) + 4)
            data += struct.pack("<f", value)
        return tensors(header, data)

    new = [(f"{stem}.lora_A.weight", f"{stem}.lora_B.weight", *size, 2) for stem, size in
           (("unet.attn1.to_q", (2, 3)), ("unet.attn1.to_out.0", (2, 2)), (f"text_encoder.{text}", (3, 2)))]
    peft = {"unet.r": 2, "unet.lora_alpha": 8, "unet.rank_pattern": {"to_q": 2}, "unet.alpha_pattern": {"^attn.to_q": 4},
            "text_encoder.r": 2, "text_encoder.lora_alpha": 2, "text_encoder.use_rslora": True}
    layers = {"unet.attn1.to_q": [2, 8], "unet.attn1.to_out.0": [2, 0.5], f"text_encoder.{text}": [2, 8.0]}
    save(folder, "diffusers", adapter(new))
    save(folder, "peft_header", adapter(new, {"lora_adapter_metadata": json.dumps(peft)}))
    save(folder, "native", adapter(new, {"lora_adapter_metadata": json.dumps(peft), "selora.layers": json.dumps(layers)}))
    save(folder, "rank_too_small", adapter(new, {"selora.layers": json.dumps({"unet.attn1.to_q": [1, 8]})}))
    save(folder, "bad_header", adapter(new, {"selora.layers": "{\"unet.attn1.to_q\": [1e400, null]}"}))
    save(folder, "pattern", adapter(new, {"lora_adapter_metadata": json.dumps({**peft, "unet.rank_pattern": {"to_(q|k)": 2}})}))
    old = [("unet.attn1.to_q.lora.down.weight", "unet.attn1.to_q.lora.up.weight", 2, 3, 1),
           ("unet.attn1.processor.to_out_lora.down.weight", "unet.attn1.processor.to_out_lora.up.weight", 2, 2, 2)]
    save(folder, "elder", adapter(old))
    kohya = [("lora_unet_attn1_to_q.lora_down.weight", "lora_unet_attn1_to_q.lora_up.weight", 2, 3, 3),
             ("lora_te_" + text.replace(".", "_") + ".lora_down.weight",
              "lora_te_" + text.replace(".", "_") + ".lora_up.weight", 3, 2, 1),
             ("lora_te_encoder_layers_0_mlp_fc1.lora_down.weight", "lora_te_encoder_layers_0_mlp_fc1.lora_up.weight", 3, 2, 1)]
    save(folder, "kohya", adapter(kohya, alphas=[("lora_unet_attn1_to_q.alpha", 4.0)]))
    save(folder, "misfit", adapter([("unet.attn1.to_q.lora_A.weight", "unet.attn1.to_q.lora_B.weight", 3, 2, 2)]))
    save(folder, "half", adapter(new)[:-4])
    save(folder, "other_tensor", adapter(new, alphas=[("unet.attn1.dora_scale", 1.0)]))
    save(folder, "published", adapter([("attn1.to_q.lora_A", "attn1.to_q.lora_B", 2, 3, 1),
                                       ("attn1.to_q.lora_A_temp", "attn1.to_q.lora_B_temp", 2, 3, 2)]))
    save(folder, "list", adapter([("unet:0:down", "unet:0:up", 2, 3, 1), ("text_encoder:0:down", "text_encoder:0:up", 2, 2, 1)]))
    ldm = "lora_unet_output_blocks_5_1_transformer_blocks_0_attn1_to_q"
    middle = "lora_unet_middle_block_2_in_layers_2"
    save(folder, "single_file_names", adapter([(f"{stem}.lora_down.weight", f"{stem}.lora_up.weight", 2, 3, 1)
                                               for stem in (ldm, middle, "lora_unet_attn1_to_q", "lora_unet_input_blocks_3_0_op")]))
    save(folder, "rank_too_large", adapter([("unet.attn1.to_q.lora_A.weight", "unet.attn1.to_q.lora_B.weight", 2, 3, 4)]))
    save(folder, "sdxl", adapter([("lora_te2_x.lora_down.weight", "lora_te2_x.lora_up.weight", 2, 3, 1)]))
    save(folder, "peft", adapter([("base_model.model.attn1.to_q.lora_A.weight", "base_model.model.attn1.to_q.lora_B.weight", 2, 3, 1)]))
    kernel = {"unet.conv1.lora_A.weight": entry("F16", [1, 2, 3, 3], 0, 36), "unet.conv1.lora_B.weight": entry("BF16", [2, 1, 1, 1], 36, 40)}
    save(folder, "convolution", tensors(kernel, bytes(40)))


def nifti(version=1, order="<", dims=(3, 3, 4, 2, 1, 1, 1, 1), kind=4, bits=16, offset=None, magic=None, voxels=None):
    """A header with an sform and voxels that count up."""
    two = version == 2
    offset = offset if offset is not None else (544 if two else 352)
    header = bytearray(540 if two else 348)
    struct.pack_into(order + "i", header, 0, 540 if two else 348)
    struct.pack_into(order + ("8q" if two else "8h"), header, 16 if two else 40, *dims)
    struct.pack_into(order + "2h", header, 12 if two else 70, kind, bits)
    struct.pack_into(order + ("8d" if two else "8f"), header, 104 if two else 76, 1, 2, 1.5, 3, 1, 1, 1, 1)
    struct.pack_into(order + ("q" if two else "f"), header, 168 if two else 108, offset)
    struct.pack_into(order + ("2d" if two else "2f"), header, 176 if two else 112, 0.5, 7)
    struct.pack_into(order + ("i" if two else "h"), header, 348 if two else 254, 1)
    rows = (-2, 0, 0, 10, 0, 0, 3, -20, 0, 1.5, 0, 30)
    struct.pack_into(order + ("12d" if two else "12f"), header, 400 if two else 280, *rows)
    start = 4 if two else 344
    tail = magic or (b"n+2\0\r\n\x1a\n" if two else b"n+1\0")
    header[start : start + len(tail)] = tail
    count = dims[1] * dims[2] * dims[3] * dims[4] * bits // 8
    body = voxels if voxels is not None else bytes(i * 37 % 256 for i in range(count))
    return bytes(header) + b"\0" * 4 + body


def nifti_seeds(folder):
    for version in (1, 2):
        for order, name in (("<", "little"), (">", "big")):
            save(folder, f"v{version}_{name}", nifti(version, order))
    for kind, bits in ((2, 8), (8, 32), (16, 32), (64, 64), (128, 24), (256, 8), (512, 16), (768, 32)):
        save(folder, f"type_{kind}", nifti(kind=kind, bits=bits))
    save(folder, "volumes", nifti(dims=(4, 3, 2, 2, 3, 1, 1, 1)))
    save(folder, "pair", nifti(magic=b"ni1\0"))
    save(folder, "nan", nifti(kind=16, bits=32, voxels=struct.pack("<24f", *([float("nan"), float("inf"), 1.0] * 8))))
    save(folder, "cut", nifti()[:-3])
    save(folder, "many_axes", nifti(version=2, dims=(300, 3, 4, 2, 1, 1, 1, 1)))
    save(folder, "no_axes", nifti(dims=(0, 3, 4, 2, 1, 1, 1, 1)))
    save(folder, "far_offset", nifti(offset=1e9))
    packed = zlib.compressobj(9, zlib.DEFLATED, 31)
    whole = packed.compress(nifti()) + packed.flush()
    save(folder, "packed", whole)
    save(folder, "packed_cut", whole[:-20])


def raster_seeds(folder, pictures):
    marks = chunk(b"sBIT", b"\x0c") + chunk(b"gAMA", struct.pack(">I", 45455))
    save(folder, "marks", png(6, 5, 16, 0, raw_rows(6, 5, 16), marks))
    save(folder, "alpha", png(6, 5, 8, 6, raw_rows(6, 5, 32)))
    save(folder, "transparent_grey", png(6, 5, 16, 0, raw_rows(6, 5, 16), chunk(b"tRNS", b"\0\7")))
    palette = chunk(b"PLTE", bytes(range(48))) + chunk(b"tRNS", bytes([0, 128, 255]))
    save(folder, "transparent_palette", png(6, 5, 4, 3, raw_rows(6, 5, 4), palette))
    grey = (pictures / "grey.jpg").read_bytes()
    for order, begin in (("<", b"II*\0"), (">", b"MM\0*")):
        tiff = begin + struct.pack(order + "IHHHIHHI", 8, 1, 0x112, 3, 1, 6, 0, 0)
        exif = b"Exif\0\0" + tiff
        segment = b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
        save(folder, "turned_" + ("little" if order == "<" else "big"), grey[:2] + segment + grey[2:])


def features_seeds(folder):
    def npy(version, text, values=b""):
        length = struct.pack("<H" if version == 1 else "<I", len(text))
        return b"\x93NUMPY" + bytes([version, 0]) + length + text + values

    wide, narrow = struct.pack("<6d", *range(6)), struct.pack("<6f", *range(6))
    dict8 = b"{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }\n"
    dict4 = b"{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }\n"
    save(folder, "npy1", npy(1, dict8, wide))
    save(folder, "npy2", npy(2, dict4, narrow))
    save(folder, "npy3", npy(3, dict4, narrow))
    save(folder, "npy_cut", npy(1, dict8, wide)[:-1])
    save(folder, "npy_by_columns", npy(1, dict8.replace(b"False", b"True"), wide))
    save(folder, "npy_huge", npy(1, dict8.replace(b"(2, 3)", b"(4294967296, 4294967296)"), wide))
    save(folder, "npy_long_header", b"\x93NUMPY\2\0\xff\xff\xff\xff{")
    save(folder, "npy_nan", npy(1, dict8, struct.pack("<6d", 1, 2, float("nan"), 4, 5, 6)))
    save(folder, "csv", b"row,group,a,b\r\n1,p,0.5,1e-3\r\n2,q,-1,2\r\n")
    save(folder, "csv_quoted", b'\xef\xbb\xbf"a","b"\n"1","2"\n\n3,4')
    save(folder, "csv_ragged", b"a,b\n1,2\n3\n")
    save(folder, "csv_open_quote", b'a,b\n"1,2\n')
    meta = {"format": "selora-features/1", "extractor": "clip", "preproc": "clip-224", "source": "synthetic"}
    save(folder, "safetensors", tensors({"__metadata__": meta, "row": entry("I64", [2], 0, 16),
                                         "group": entry("I64", [2], 16, 32), "features": entry("F32", [2, 3], 32, 56)},
                                        struct.pack("<4q", 1, 2, 0, 0) + narrow))
    save(folder, "safetensors_rows", tensors({"row": entry("I64", [1], 0, 8), "features": entry("F32", [2, 3], 8, 32)},
                                             struct.pack("<q", 1) + narrow))
    save(folder, "safetensors_empty", tensors({"features": entry("F32", [0, 3], 0, 0)}))


def main():
    corpus, pictures = Path(sys.argv[1]), Path(sys.argv[2])
    png_seeds(corpus / "png")
    jpeg_seeds(corpus / "jpeg", pictures)
    csv_seeds(corpus / "csv")
    jsonl_seeds(corpus / "jsonl")
    json_seeds(corpus / "json")
    safetensors_seeds(corpus / "safetensors")
    adapter_seeds(corpus / "adapter")
    nifti_seeds(corpus / "nifti")
    raster_seeds(corpus / "raster", pictures)
    features_seeds(corpus / "features")


main()
