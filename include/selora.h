/* SPDX-License-Identifier: MIT
 *
 * selora: adapt a Stable Diffusion 1.x-layout model with SeLoRA, draw images, without Python.
 * (The sections below grow from simple to advanced.)
 */
#ifndef SELORA_H
#define SELORA_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Every function that can fail returns one of these. The values never change. */
typedef enum selora_status {
    SELORA_OK = 0,
    SELORA_CHECK_FAILED = 1, /* a comparison did not hold */
    SELORA_USAGE = 2,        /* an option or argument makes no sense */
    SELORA_BAD_INPUT = 3,    /* a file is missing, damaged, hostile or not supported */
    SELORA_NO_RESOURCE = 4,  /* memory, disk space or permission is lacking */
    SELORA_NUMERIC = 5,      /* a loss, gradient or weight is not finite */
    SELORA_INTERRUPTED = 6   /* the caller asked to stop; what was done so far is saved */
} selora_status;

#ifdef __cplusplus
}
#endif
#endif
