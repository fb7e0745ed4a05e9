#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes tests/support/sampler_golden.h: timesteps and results of diffusers' schedulers for a made-up network.

    python tools/make_sampler_golden.py > tests/support/sampler_golden.h      (needs diffusers and torch)

The network answers (0.9 - 0.4 t / 1000) x + d, the same for every sampler; see test_sampler.c.
"""
import sys

import diffusers
import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, EulerDiscreteScheduler, PNDMScheduler

NOISE = [0.5, -1.25, 2.0, 0.125]
SHIFT = [0.1, -0.05, 0.02, 0.3]
SPACINGS = ["unset", "leading", "linspace", "trailing"]
BASE = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1)


def scheduler(sampler, **changes):
    options = {**BASE, **changes}
    if options.get("timestep_spacing") == "unset":
        del options["timestep_spacing"]
    alpha_one = options.pop("set_alpha_to_one", False)
    clip = options.pop("clip_sample", False)
    if sampler == "pndm":
        return PNDMScheduler(skip_prk_steps=True, set_alpha_to_one=alpha_one, **options)
    if sampler == "ddim":
        return DDIMScheduler(set_alpha_to_one=alpha_one, clip_sample=clip, **options)
    if sampler == "dpmpp_2m":
        return DPMSolverMultistepScheduler(**options)
    return EulerDiscreteScheduler(**options)


def network(x, t):
    return (0.9 - 0.4 * float(t) / 1000) * x + torch.tensor(SHIFT, dtype=x.dtype)


def sample(sampler, steps, **changes):
    s = scheduler(sampler, **changes)
    s.set_timesteps(steps)
    x = torch.tensor(NOISE, dtype=torch.float32).reshape(1, 4, 1, 1) * s.init_noise_sigma
    for t in s.timesteps:
        answer = network(s.scale_model_input(x, t).flatten(), t).reshape(x.shape)
        x = s.step(answer, t, x).prev_sample
    return float(s.init_noise_sigma), x.flatten().tolist()


def number(value):
    return f"{value:.9g}"


def main():
    print("/* SPDX-License-Identifier: MIT")
    print(f" * Made by tools/make_sampler_golden.py with diffusers {diffusers.__version__}, torch {torch.__version__}. */")
    print("static const struct golden_timesteps {\n    const char *sampler, *spacing;\n    int steps;\n"
          "    const char *timesteps;\n} golden_timesteps[] = {")
    for sampler in ["pndm", "ddim", "dpmpp_2m", "euler"]:
        for spacing in SPACINGS:
            for steps in [1, 2, 3, 4, 7, 20]:
                s = scheduler(sampler, timestep_spacing=spacing)
                s.set_timesteps(steps)
                text = " ".join(number(t) for t in s.timesteps.tolist())
                print(f'    {{"{sampler}", "{spacing}", {steps}, "{text}"}},')
    print("};\n")
    print("static const struct golden_sample {\n    const char *sampler, *spacing, *prediction, *beta_schedule;\n"
          "    int steps, steps_offset, set_alpha_to_one, clip_sample;\n    double sigma, x[4];\n"
          "} golden_samples[] = {")
    rows = [(p, k, sp, n, {}) for p in ["pndm", "ddim", "dpmpp_2m", "euler"] for k in ["epsilon", "v_prediction"]
            for sp in SPACINGS for n in [1, 2, 3, 4, 20]]
    for p in ["pndm", "ddim", "dpmpp_2m", "euler"]:
        rows.append((p, "epsilon", "unset", 10, dict(steps_offset=0)))
        rows.append((p, "v_prediction", "unset", 10, dict(set_alpha_to_one=True)))
        rows.append((p, "epsilon", "unset", 10, dict(beta_schedule="linear")))
    rows.append(("ddim", "epsilon", "leading", 5, dict(clip_sample=True)))
    for sampler, prediction, spacing, steps, changes in rows:
        sigma, x = sample(sampler, steps, prediction_type=prediction, timestep_spacing=spacing, **changes)
        full = {**BASE, **changes}
        print(f'    {{"{sampler}", "{spacing}", "{prediction}", "{full["beta_schedule"]}", {steps}, {full["steps_offset"]}, '
              f'{int(full.get("set_alpha_to_one", False))}, {int(full.get("clip_sample", False))}, {number(sigma)}, '
              f'{{{", ".join(number(v) for v in x)}}}}},')
    print("};")
    return 0


if __name__ == "__main__":
    sys.exit(main())
