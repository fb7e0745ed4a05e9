# SPDX-License-Identifier: MIT
"""What tools/check_adapters.py needs of both sides: selora's program, and diffusers and peft of any generation.

Effects are compared as dictionaries from layer names to dW = scale B A in 64 bits. Text encoders of
transformers 5.6 have no level `text_model`; names are compared without it.
"""

import copy
import functools
import json
import os
import re
import shlex
import subprocess

os.environ["HF_HUB_OFFLINE"] = "1"  # before the libraries are imported: nothing here may come from the network

import diffusers
import numpy as np
import peft
import torch
import transformers
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    PNDMScheduler,
    StableDiffusionPipeline,
)
from safetensors.numpy import load_file
from safetensors.torch import save_file

for library in (diffusers, transformers):
    library.logging.set_verbosity_error()
    library.logging.disable_progress_bar()
diffusers.utils.logging.disable_progress_bar()

COMPONENTS = ("unet", "text_encoder")
SCHEDULERS = {
    "pndm": PNDMScheduler,
    "ddim": DDIMScheduler,
    "dpmpp_2m": DPMSolverMultistepScheduler,
    "euler": EulerDiscreteScheduler,
}
TOLERANCE = {"f32": 1e-6, "f16": 1e-3, "bf16": 1e-2}
PROMPT, NEGATIVE, STEPS, GUIDANCE = "frontal chest, nodule, upper left", "blurred", 20, 7.5


def version(module):
    return tuple(int(part) for part in module.__version__.split(".")[:2])


SHORT_TEXT = version(transformers) >= (5, 6)  # its text encoders have no level "text_model"
TEXT_OF_OTHERS = "before 5.6" if SHORT_TEXT else "5.6 and later"
WHERE = (
    f"diffusers {diffusers.__version__}, transformers {transformers.__version__}, peft {peft.__version__}"
)


def diffusers_row():
    """The row of `selora inspect` that speaks of this diffusers."""
    minor = version(diffusers)[1]
    if minor < 34:
        return "diffusers before 0.34"
    if minor < 40:
        return "diffusers 0.34 to 0.39"
    return "diffusers 0.40" if minor == 40 else "diffusers 0.41 and later"


class Selora:
    """The program, with one model."""

    def __init__(self, program, model):
        self.program, self.model = program, model

    def run(self, *arguments, codes=(0,)):
        done = subprocess.run([self.program, *arguments], capture_output=True, text=True, check=False)
        if done.returncode not in codes:
            raise SystemExit(f"exit {done.returncode}: selora {' '.join(arguments)}\n{done.stderr}")
        return done

    def convert(self, source, form, out, *options):
        """What it said."""
        return self.run("convert", source, "--to", form, out, *options).stderr

    def mend(self, command, source, out):
        """Runs the command that `inspect` gives against a trap."""
        words = shlex.split(command)
        assert words[0] == "selora"
        self.run(*[{"ADAPTER": source, "OUT": out}.get(word, word) for word in words[1:]], "--quiet")

    def tools(self, path):
        """{tool: (result, command)}."""
        told = json.loads(self.run("inspect", path, "--json").stdout)
        return {row["tool"]: (row["result"], row["mended_by"]) for row in told["tools"]}

    def verify(self, case, *options, model=None):
        """(passed, relative error) of a sample case."""
        done = self.run("verify", "--model", model or self.model, case, "--json", *options, codes=(0, 1))
        row = json.loads(done.stdout.splitlines()[-1])
        return done.returncode == 0, row["relative"]


# ---- effects ---------------------------------------------------------------------------------------


def short(name):
    return name.replace("text_encoder.text_model.", "text_encoder.")


def product(a, b, scale=1.0):
    a, b = (np.asarray(x, dtype=np.float64).reshape(len(x), -1) for x in (a, b))
    return scale * (b @ a)


def selora_effects(path):
    """dW of selora's own file: equal ranks, a scale of 1, so B A is all."""
    tensors, end = load_file(path), ".lora_A.weight"
    return {
        short(name[: -len(end)]): product(a, tensors[name.replace("lora_A", "lora_B")])
        for name, a in tensors.items()
        if name.endswith(end)
    }


def effects_in(network, component):
    """What a network with adapters in it adds to each of its weights."""
    found = {}
    for name, module in network.named_modules():
        if not hasattr(module, "lora_A") or not len(module.lora_A):
            continue
        found[short(f"{component}.{name.removeprefix('base_model.model.')}")] = sum(
            product(
                module.lora_A[adapter].weight.detach().float(),
                module.lora_B[adapter].weight.detach().float(),
                module.scaling[adapter],
            )
            for adapter in module.lora_A.keys()
        )
    return found


def effects_of(pipe):
    return effects_in(pipe.unet, "unet") | effects_in(pipe.text_encoder, "text_encoder")


def deviation(expected, found):
    """(worst relative error, its layer, layers that lack, layers too many); zeros count as absent."""
    lacks = sorted(k for k, v in expected.items() if v.any() and not (k in found and found[k].any()))
    extra = sorted(k for k, v in found.items() if v.any() and not (k in expected and expected[k].any()))
    errors = {
        k: np.linalg.norm(found[k] - v) / np.linalg.norm(v)
        for k, v in expected.items()
        if v.any() and k in found
    }
    where = max(errors, key=errors.get, default="")
    return errors.get(where, np.inf), where, lacks, extra


def scale_errors(expected, found):
    """{layer: factor} of layers at a wrong scale; a layer that is wrong in another way has the factor NaN."""
    wrong = {}
    for key, value in expected.items():
        if not value.any() or key not in found or not found[key].any():
            continue
        factor = np.vdot(found[key], value) / np.vdot(value, value)
        if np.linalg.norm(found[key] - factor * value) > 1e-2 * np.linalg.norm(found[key]):
            wrong[key] = np.nan
        elif abs(factor - 1) > 1e-2:
            wrong[key] = factor
    return wrong


# ---- loading as the tools' own manuals say ----------------------------------------------------------------


@functools.cache
def opened(model):
    return StableDiffusionPipeline.from_pretrained(
        model, safety_checker=None, feature_extractor=None, torch_dtype=torch.float32
    )


def pipeline(model):
    """A fresh one."""
    first = opened(model)
    copies = {name: copy.deepcopy(getattr(first, name)) for name in ("unet", "text_encoder")}
    pipe = StableDiffusionPipeline(**{**first.components, **copies}, requires_safety_checker=False)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def load_in_diffusers(model, path):
    """(pipeline, what it raised or None)."""
    pipe = pipeline(model)
    folder, name = (path, "pytorch_lora_weights.safetensors") if os.path.isdir(path) else os.path.split(path)
    try:
        pipe.load_lora_weights(folder, weight_name=name)
    except Exception as error:  # pylint: disable=broad-exception-caught
        return pipe, error
    return pipe, None


def load_in_peft(model, path):
    """A folder with `unet`, `text_encoder` or both."""
    pipe = pipeline(model)
    for component in COMPONENTS:
        if os.path.isdir(f"{path}/{component}"):
            setattr(pipe, component, peft.PeftModel.from_pretrained(getattr(pipe, component), f"{path}/{component}"))
    return pipe


# ---- what `selora inspect` foretells --------------------------------------------------------------------


def right_here(result):
    """A row of `inspect` that has nothing against these versions."""
    return all(part == "ok" or f"transformers {TEXT_OF_OTHERS}" in part for part in result.split("; "))


def refute(result, expected, found, error):
    """A row of `inspect` against what happened: the first thing that is not as told, or None."""
    wrong = scale_errors(expected, found)
    lacks = set(deviation(expected, found)[2])
    text = {key for key in expected if key.startswith("text_encoder.")}
    for sentence in result.split("; "):
        scales = re.fullmatch(r"(\d+) of (\d+) layers at a wrong scale, up to (\S+) times", sentence)
        missed = re.fullmatch(r"(\d+) layers are missed", sentence)
        if scales:
            worst = max(wrong.values(), key=lambda f: abs(np.log(abs(f))), default=1)
            lost = len(text & lacks)  # of these nothing is known
            near = abs(worst / float(scales[3]) - 1) < 1e-2 or lost
            if not (near and len(wrong) <= int(scales[1]) <= len(wrong) + lost) or np.nan in wrong.values():
                return f"{len(wrong)} layers are at a wrong scale, up to {worst:.3g} times"
            wrong = {}
        elif missed:
            if len(lacks) != int(missed[1]):
                return f"{len(lacks)} layers are missed"
            lacks = set()
        elif sentence.startswith("not read"):
            if len(lacks) != len(expected):
                return f"{len(expected) - len(lacks)} layers are read"
            lacks, error = set(), None
        elif "transformers" in sentence:
            if not right_here(sentence):
                if not text or not text <= lacks:
                    return "the text encoder is there"
                lacks, error = lacks - text, None
        elif sentence != "ok":
            return f"what does \"{sentence}\" mean?"
    if error:
        return f"{type(error).__name__}: {str(error)[:100]}"
    if wrong or lacks:
        return f"{len(wrong)} layers are at a wrong scale, {len(lacks)} are missed"
    return None


# ---- pictures ------------------------------------------------------------------------------------------


def draw_case(pipe, sampler, path, size=8):
    """A guided picture of the pipeline as a case for `selora verify`; its latents."""
    pipe.scheduler = SCHEDULERS[sampler].from_config(pipe.scheduler.config)
    noise = torch.randn(1, 4, size, size, generator=torch.Generator().manual_seed(7))
    pixels = size * pipe.vae_scale_factor
    latents = pipe(PROMPT, negative_prompt=NEGATIVE, latents=noise, height=pixels, width=pixels,
                   num_inference_steps=STEPS, guidance_scale=GUIDANCE, output_type="latent").images  # fmt: skip
    ids = pipe.tokenizer([PROMPT, NEGATIVE], padding="max_length", max_length=pipe.tokenizer.model_max_length,
                         truncation=True, return_tensors="pt").input_ids  # fmt: skip
    tensors = {
        "in.latents": noise * pipe.scheduler.init_noise_sigma,
        "in.input_ids": ids[:1].clone(),
        "in.negative_input_ids": ids[1:].clone(),
        "expect.latents": latents.contiguous(),
    }
    facts = {"format": "selora-case/1", "kind": "sample", "producer": WHERE, "sampler": sampler,
             "steps": str(STEPS), "guidance": repr(GUIDANCE)}  # fmt: skip
    save_file(tensors, path, facts)
    return latents
