/* SPDX-License-Identifier: MIT
 * Options of `selora sweep`. */
#include <stddef.h>

#include "api/option_rows.h"
#include "selora_sweep.h"

#define S selora_sweep_options
static const selora_option list[] = {
    TEXT(S, "out", out, "DIR", "folder of the runs and of sweep.json and sweep.csv; the same command goes on there"),
    TEXT(S, "model", model, "DIR|FILE", "base model"),
    TEXT(S, "data", data, "DIR", "images with captions"),
    TEXT(S, "method", method, "LIST", "such as selora,lora"),
    TEXT(S, "lambda", lambda, "LIST", "such as 1.05,1.1,1.2"),
    TEXT(S, "interval", interval, "LIST", "steps between decisions (probe-every of train), such as 20,40,80"),
    TEXT(S, "lr", lr, "LIST", "learning rates"),
    TEXT(S, "steps", steps, "N", "optimiser steps"),
    TEXT(S, "seeds", seeds, "LIST", "such as 1,2,3; from three on differences have an interval"),
    {"set", SELORA_OPTION_TEXTS, FIELD(S, set), 0, 0, "OPTION=LIST", "any option of train with one or several values; may be given several times", 0},
    TEXT(S, "controls", controls, "LIST", "plain LoRA beside every run that grows: static (its last ranks), random, uniform (as many parameters)"),
    FLAG(S, "dry-run", dry_run, "list the runs with an estimate of their time, write nothing"),
};
#undef S

const selora_option *selora_sweep_option_list(size_t *count)
{
    *count = COUNT(list);
    return list;
}

selora_sweep_options selora_sweep_defaults(void)
{
    return (selora_sweep_options){0};
}
