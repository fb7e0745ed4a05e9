#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares selora with diffusers, transformers and peft over many random models.

    tools/verify_sweep.py --selora build/selora --models 20

For each model: cases of every kind in 64 bits from the reference, `selora verify` over them with the
cpu backend at one and two threads and, all but the sampling runs, with the naive kernels (every
fourth model) and with the single-file form of the model where it has one. Prints the largest error
of each kind and what share of its tolerance that is; exits with 1 when anything fails. Training
steps whose own 32-bit reference is off by more than a quarter of a tolerance are ill-conditioned (a
gradient that vanishes but for rounding) and are drawn again; their number is printed.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import unicodedata

import torch
from safetensors.torch import load_file

import make_case
import make_model

torch.set_num_threads(1)  # the models are tiny

RATIO_TOLERANCE, GRADIENT_TOLERANCE = 2e-4, 2e-4
WORDS = make_model.CORPUS.split() + [
    "12.5",
    "3cm",
    "!",
    "!!",
    "L1-L2",
    "don't",
    "'s",
    "\u00e9",
    "e\u0301",
    "\u039f\u03a3",
    "\u0130",
    "\u00a0",
    "\t",
    "\u3000",
    "\U0001fa7b",
    "<|endoftext|>",
    "<|startoftext|>",
    "<|ENDOFTEXT|>",
    "\ufb01",
    "\u00bd",
    "\u0663",
    "\u80f8\u90e8",
    "\x00",
    "\x07",
    "\u200d",
    "...",
]


def random_text(rng):
    """A caption of known words and of characters from anywhere in Unicode."""
    parts = []
    for _ in range(rng.randint(0, 60)):
        kind = rng.random()
        if kind < 0.7:
            parts.append(rng.choice(WORDS))
        elif kind < 0.85:
            parts.append("".join(chr(rng.randint(32, 0x2FFF)) for _ in range(rng.randint(1, 4))))
        else:
            parts.append("".join(chr(rng.randint(32, 126)) for _ in range(rng.randint(1, 8))))
    joined = "".join(part + rng.choice([" ", " ", "", "  "]) for part in parts)
    # Characters assigned since Unicode 15, selora's tables, are known to the reference alone.
    return "".join(c for c in joined if unicodedata.category(c) not in ("Cn", "Cs"))


def case_options(model, kind, rng, more):
    arguments = [
        "--model",
        model,
        "--kind",
        kind,
        "--out",
        "-",
        "--double",
        "--seed",
        str(rng.randint(0, 10**6)),
        "--batch",
        str(rng.choice([1, 2, 3])),
        *more,
    ]
    return make_case.parse(arguments)


def plan_cases(model, spec, rng):
    """(file name, kind, options) of every case of one model."""
    levels = len(spec["unet"]["block_out_channels"])
    low = (
        2**levels - 1
    )  # at least two pixels at the lowest level: with one, self-attention has no gradient
    size = ["--height", str(rng.randint(low, low + 7)), "--width", str(rng.randint(low, low + 7))]
    tiny = ["--height", str(rng.randint(1, 3)), "--width", str(rng.randint(1, 3))]
    jobs = [
        ("tokenizer", "tokenizer", []),
        ("tokenizer_utf8", "tokenizer", ["--utf8"]),
        ("text_encoder", "text_encoder", []),
        ("unet", "unet", [*size, "--tokens", str(rng.choice([1, 5, 77, 80]))]),
        ("unet_tiny", "unet", [*tiny, "--fractional"]),
        ("vae_encode", "vae_encode", [*tiny, "--odd", str(rng.choice([0, 1, 2, 3]))]),
        ("vae_decode", "vae_decode", tiny),
        (
            "adam",
            "adam",
            [
                "--steps",
                str(rng.randint(1, 12)),
                "--lr",
                str(rng.choice([1e-4, 1e-2])),
                "--weight-decay",
                str(rng.choice([0.0, 0.01, 0.3])),
            ],
        ),
    ]
    step = [
        "--rank-max",
        str(rng.choice([1, 4, 9])),
        "--probes",
        str(rng.choice([0, 1, 3, 9])),
        "--share",
        str(rng.choice([0.05, 0.4, 1.0])),
        "--scale",
        str(rng.choice([8.0, 1.0, 0.37])),
    ]
    jobs += [
        ("train_step", "train_step", [*size, *step]),
        ("train_step_plain", "train_step", [*size, "--share", "0"]),
    ]
    for sampler in make_case.SAMPLERS:
        steps = str(rng.choice([1, 2, 3, 4, 7, 10, 13, 20, 50, 77]))
        jobs.append((f"schedule_{sampler}", "schedule", ["--sampler", sampler, "--steps", steps]))
        steps = str(rng.choice([1, 2, 3, 5, 8]))
        more = rng.choice(
            [
                ["--guidance", "1"],
                ["--guidance", "7.5", "--negative", "blurred noise"],
                ["--guidance", "2.0", "--with-adapters", "--scale", "0.5"],
            ]
        )
        image = rng.choice([[], ["--image"]])
        jobs.append(
            (
                f"sample_{sampler}",
                "sample",
                [*size, "--sampler", sampler, "--steps", steps, *more, *image],
            )
        )
    for name, kind, more in jobs:
        options = case_options(model, kind, rng, more)
        if kind in ("tokenizer", "text_encoder", "train_step"):
            options.text = [random_text(rng) for _ in range(40 if kind == "tokenizer" else 5)]
        yield name, kind, options


def relative(tensor, exact, floor):
    norm = max(exact.norm().item(), floor)
    return (tensor.double() - exact).norm().item() / norm if norm else 0.0


def is_ill_conditioned(model, path, options):
    """Whether the reference in 32 bits misses its own 64-bit results."""
    make_case.write_case(model, "train_step", path + ".single", options)
    exact, single = load_file(path), load_file(path + ".single")
    os.remove(path + ".single")
    gradients = [name for name in exact if name.startswith(("expect.grad.", "expect.probe_grad."))]
    floor = 1e-3 * max([exact[name].norm().item() for name in gradients], default=0)
    for name in exact:
        if (
            name in gradients
            and relative(single[name], exact[name], floor) > GRADIENT_TOLERANCE / 4
        ):
            return True
        if (
            name.startswith("expect.ratio.")
            and relative(single[name], exact[name], 0) > RATIO_TOLERANCE / 4
        ):
            return True
    return False


def write_cases(folder, model_folder, spec, rng):
    """Writes every case; (paths, how many training steps were drawn again)."""
    exact, single = make_case.Model(model_folder, True), make_case.Model(model_folder, False)
    paths, redrawn = [], 0
    for name, kind, options in plan_cases(model_folder, spec, rng):
        path = f"{folder}/{name}.safetensors"
        make_case.write_case(exact, kind, path, options)
        if kind == "train_step":
            options.double = False
            while is_ill_conditioned(single, path, options):
                redrawn += 1
                if redrawn > 20:
                    raise RuntimeError(f"{path}: no well-conditioned training step in 20")
                options.seed += 1
                options.double = True
                make_case.write_case(exact, kind, path, options)
                options.double = False
        paths.append(path)
    return paths, redrawn


def verify(selora, model, paths, more):
    """Rows of `selora verify`, and what it said on stderr."""
    command = [selora, "verify", "--model", model, *more, *paths, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    if done.returncode not in (0, 1) or not rows:
        raise RuntimeError(f"{' '.join(command)}: exit {done.returncode}: {done.stderr}")
    return rows[:-1], done.stderr


def check_peft(model_folder, seed):
    """The adapters of make_case against peft: output and gradients of the U-Net, in 64 bits."""
    from peft import LoraConfig, inject_adapter_in_model

    generator = torch.Generator().manual_seed(seed)
    plain, other = make_case.Model(model_folder, True), make_case.Model(model_folder, True)
    adapters = {
        path: value
        for path, value in make_case.draw_adapters(plain, generator, 0.5, 5, 0).items()
        if path.startswith("unet.")
    }
    if not adapters:
        return 0.0
    names = {path: path.removeprefix("unet.") for path in adapters}
    ranks = {names[path]: a.shape[0] for path, (a, _, _) in adapters.items()}
    config = LoraConfig(
        r=1,
        lora_alpha=8,
        target_modules=list(ranks),
        rank_pattern=ranks,
        alpha_pattern={name: 8 * rank for name, rank in ranks.items()},
    )
    peft_unet = inject_adapter_in_model(config, other.unet)
    modules = dict(peft_unet.named_modules())
    for path, (a, b, _) in adapters.items():
        layer = modules[names[path]]
        layer.lora_A["default"].weight.data, layer.lora_B["default"].weight.data = (
            a.double(),
            b.double(),
        )
        assert layer.scaling["default"] == 8
    sample = torch.randn(2, 4, 7, 8, generator=generator, dtype=torch.float64)
    states = torch.randn(
        2, 9, plain.unet.config.cross_attention_dim, generator=generator, dtype=torch.float64
    )
    time, weight = torch.tensor([11, 870]), torch.randn(
        2, 4, 7, 8, generator=generator, dtype=torch.float64
    )
    with make_case.Adapted(plain, adapters, 8.0, True) as adapted:
        ours = plain.unet(sample, time, states).sample
        (ours * weight).sum().backward()
    theirs = peft_unet(sample, time, states).sample
    (theirs * weight).sum().backward()
    worst = relative(ours.detach(), theirs.detach(), 0)
    largest = max(b.grad.norm().item() for _, b in adapted.leaves.values())
    for path, (a, b) in adapted.leaves.items():
        layer = modules[names[path]]
        worst = max(
            worst,
            relative(a.grad, layer.lora_A["default"].weight.grad, 1e-3 * largest),
            relative(b.grad, layer.lora_B["default"].weight.grad, 1e-3 * largest),
        )
    return worst


def check_single_file(model_folder):
    """The single file through diffusers' own converters; the tensors that differ."""
    from diffusers.loaders import single_file_utils as ldm

    model = make_case.Model(model_folder)
    wrong = []
    for part, convert in (
        ("unet", ldm.convert_ldm_unet_checkpoint),
        ("vae", ldm.convert_ldm_vae_checkpoint),
    ):
        module = getattr(model, part)
        converted = convert(load_file(f"{model_folder}.safetensors"), config=dict(module.config))
        for name, tensor in module.state_dict().items():
            found = converted.get(name)
            if found is None or not torch.equal(found.reshape(tensor.shape).float(), tensor):
                wrong.append(f"{part}.{name}")
    return wrong


class Tally:
    def __init__(self):
        self.worst, self.failures, self.passed = {}, [], 0

    def add(self, rows, label):
        for row in rows:
            used = (
                row["relative"] / (row["tolerance"] or 1)
                if row["relative"] is not None
                else float("inf")
            )
            if used >= self.worst.get(row["kind"], (-1,))[0]:
                self.worst[row["kind"]] = (used, row["relative"], label, row["tensor"])
            if row["passed"]:
                self.passed += 1
            else:
                self.failures.append(
                    f"{label}: {row['file']}: {row['tensor']}: relative {row['relative']}, "
                    f"allowed {row['tolerance']}"
                )

    def check(self, holds, failure):
        if holds:
            self.passed += 1
        else:
            self.failures.append(failure)

    def print(self):
        print(f"{'kind':14}{'largest error':>14}{'of allowed':>12}  where")
        for kind, (used, error, label, tensor) in sorted(self.worst.items()):
            print(f"{kind:14}{error:14.2e}{used:12.3f}  {label}: {tensor}")


def sweep_one(seed, folder, options, tally):
    rng = random.Random(seed)
    spec = make_model.random_spec(seed)
    model = f"{folder}/model"
    if options.bpe and seed % 4 == 0:
        spec["tokenizer"] |= {"bpe": options.bpe, "files": rng.choice(["vocab", "json", "both"])}
    make_model.build(spec, model)
    paths, redrawn = write_cases(folder, model, spec, rng)
    short = [path for path in paths if "/sample_" not in path]  # the naive kernels take their time
    runs = [(["--threads", "2"], "cpu 2", paths), (["--threads", "1"], "cpu 1", paths)]
    if seed % 4 == 1:
        runs.append((["--backend", "ref"], "ref", short))
    for more, label, files in runs:
        rows, said = verify(options.selora, model, files, more)
        tally.add(rows, f"model {seed}, {label}")
        if said.strip() and options.verbose:
            print(said.strip())
    if spec["store"]["single_file"]:
        rows, _ = verify(options.selora, f"{model}.safetensors", short, ["--model-config", model])
        tally.add(rows, f"model {seed}, single file")
        tally.check(
            not check_single_file(model),
            f"model {seed}: diffusers reads other weights from the single file",
        )
    peft = check_peft(model, seed)
    tally.check(peft <= 1e-9, f"model {seed}: adapters differ from peft by {peft:.1e}")
    print(
        f"model {seed}: {len(paths)} cases, {redrawn} training steps drawn again, "
        f"peft agrees to {peft:.0e}",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--selora", default="build/selora", help="the program (default: build/selora)"
    )
    parser.add_argument("--models", type=int, default=20, help="how many random models")
    parser.add_argument("--first", type=int, default=1, help="seed of the first one")
    parser.add_argument(
        "--bpe",
        metavar="FILE",
        help="CLIP's bpe_simple_vocab_16e6.txt.gz: some models get the real vocabulary",
    )
    parser.add_argument("--keep", metavar="DIR", help="leave models and cases there")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    tally = Tally()
    for seed in range(options.first, options.first + options.models):
        folder = (
            f"{options.keep}/{seed}" if options.keep else tempfile.mkdtemp(prefix="selora-sweep-")
        )
        os.makedirs(folder, exist_ok=True)
        try:
            sweep_one(seed, folder, options, tally)
        except RuntimeError as error:
            tally.failures.append(f"model {seed}: {error}")
        if not options.keep:
            shutil.rmtree(folder)
    tally.print()
    for failure in tally.failures[:40]:
        print(failure)
    print(f"{tally.passed} passed, {len(tally.failures)} failed")
    sys.exit(1 if tally.failures or not tally.passed else 0)


if __name__ == "__main__":
    main()
