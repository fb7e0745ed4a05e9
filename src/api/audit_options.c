/* SPDX-License-Identifier: MIT
 * The options of `selora audit`. */
#include "api/option_rows.h"

#define A selora_audit_options
static const selora_option list[] = {
    TEXT(A, "data", data, "DIR", "the data set of the run, where it is now (as the run says)"),
    TEXT(A, "model", model, "DIR|FILE", "the base model, where it is now (as the run says)"),
    TEXT(A, "adapter", adapter, "FILE", "the adapter to audit (RUN/adapter.safetensors)"),
    TEXT(A, "out", out, "DIR", "folder for audit.json, audit.html and audit/ (RUN)"),
    TEXT(A, "synthetic", synthetic, "DIR", "look for copies in these pictures (drawn from held-out prompts)"),
    {"extractor", SELORA_OPTION_TEXTS, FIELD(A, extractors), 0, 0, "NAME[:FILE]",
     "look for copies by the cosine of these features, too", 0},
    INT(A, "members", members, 0, 1000000,
        "pictures of each group of the membership test; 0: no such test (100)"),
    CHOICE(A, "checkpoints", checkpoints, "all|none",
           "the membership test for each checkpoint of the run, too (all)"),
    INT(A, "images", images, 0, 1000000, "pictures to draw; 0: no search for copies (100)"),
    INT(A, "own-prompts", own_prompts, 0, 2000,
        "training prompts drawn again and compared with their picture (10)"),
    INT(A, "own-seeds", own_seeds, 1, 100, "pictures of each of them (2)"),
    INT(A, "steps", steps, 1, 1000, "sampler steps (25)"),
    NUM(A, "guidance", guidance, 0, 1000, "of the pictures (7.5)"),
    SEED(A, "seed", seed, "of the pictures (0)"),
    INT(A, "batch-size", batch_size, 1, 256, "pictures of a batch of the membership test (4)"),
    FLAG(A, "fail-on-copies", fail_on_copies, "exit code 1 for clear signs of copying"),
};
#undef A

const selora_option *selora_audit_option_list(size_t *count)
{
    *count = COUNT(list);
    return list;
}

selora_audit_options selora_audit_defaults(void)
{
    return (selora_audit_options){.members = 100,
                                  .checkpoints = "all",
                                  .images = 100,
                                  .own_prompts = 10,
                                  .own_seeds = 2,
                                  .steps = 25,
                                  .guidance = 7.5,
                                  .batch_size = 4};
}
