/* SPDX-License-Identifier: MIT */
#include "diffusion/guidance.h"

#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

selora_status slr_guidance_init(slr_guidance *guidance, slr_denoiser network, double scale,
                                int64_t count, slr_error *err)
{
    *guidance = (slr_guidance){.network = network, .scale = scale, .count = count};
    guidance->inputs = slr_alloc((size_t)count, 4 * sizeof *guidance->inputs);
    if (!guidance->inputs)
        return slr_fail_memory(err, (size_t)count * 4 * sizeof *guidance->inputs, "guidance");
    guidance->outputs = guidance->inputs + 2 * count;
    return SELORA_OK;
}

static selora_status predict(void *context, const slr_real *x, double timestep, slr_real *out,
                             slr_error *err)
{
    slr_guidance *guidance = context;
    const slr_real *negative = guidance->outputs, *positive = guidance->outputs + guidance->count;
    size_t bytes = (size_t)guidance->count * sizeof *x;
    memcpy(guidance->inputs, x, bytes);
    memcpy(guidance->inputs + guidance->count, x, bytes);
    SLR_TRY(guidance->network.predict(guidance->network.context, guidance->inputs, timestep,
                                      guidance->outputs, err));
    for (int64_t i = 0; i < guidance->count; i++)
        out[i] = (slr_real)(negative[i] + guidance->scale * ((double)positive[i] - negative[i]));
    return SELORA_OK;
}

slr_denoiser slr_guidance_denoiser(slr_guidance *guidance)
{
    return (slr_denoiser){guidance, predict};
}

void slr_guidance_free(slr_guidance *guidance)
{
    free(guidance->inputs);
    guidance->inputs = guidance->outputs = NULL;
}
