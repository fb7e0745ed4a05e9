/* SPDX-License-Identifier: MIT */
#include "diffusion/schedule.h"

#include <math.h>

enum { LAST = SLR_TRAIN_TIMESTEPS - 1 };

/* torch.linspace: from the nearer end, one rounding for each value. */
static float linspace(float first, float last, int t)
{
    float step = (last - first) / (float)LAST;
    return (float)(t < SLR_TRAIN_TIMESTEPS / 2 ? (double)first + (double)step * t
                                               : (double)last - (double)step * (LAST - t));
}

/* Betas and alphas are rounded to single precision where diffusers rounds them. It matters: 1 - a_0 is
 * 8.5e-4, and the share of the noise at t = 0 would otherwise differ by 3e-5. */
void slr_schedule_init(slr_schedule *schedule, const slr_scheduler_config *config)
{
    bool scaled = config->beta_schedule == SLR_BETA_SCALED_LINEAR;
    float first = (float)(scaled ? sqrt(config->beta_start) : config->beta_start);
    float last = (float)(scaled ? sqrt(config->beta_end) : config->beta_end);
    double product = 1;
    schedule->config = *config;
    for (int t = 0; t < SLR_TRAIN_TIMESTEPS; t++) {
        float root = linspace(first, last, t);
        float beta = scaled ? root * root : root, alpha = 1 - beta;
        product *= (double)alpha;
        schedule->alphas_cumprod[t] = (double)(float)product;
    }
}

double slr_schedule_alpha(const slr_schedule *schedule, int timestep)
{
    if (timestep >= 0)
        return schedule->alphas_cumprod[timestep];
    return schedule->config.set_alpha_to_one ? 1 : schedule->alphas_cumprod[0];
}

static double sigma_of(double alpha)
{
    return sqrt((1 - alpha) / alpha);
}

double slr_schedule_sigma(const slr_schedule *schedule, double timestep)
{
    int below = (int)floor(timestep);
    double sigma = sigma_of(schedule->alphas_cumprod[below]);
    if (below == timestep)
        return sigma;
    return sigma + (sigma_of(schedule->alphas_cumprod[below + 1]) - sigma) * (timestep - below);
}

void slr_schedule_add_noise(const slr_schedule *schedule, int timestep, int64_t count,
                            const slr_real *x0, const slr_real *noise, slr_real *out)
{
    double alpha = schedule->alphas_cumprod[timestep];
    double image_share = sqrt(alpha), noise_share = sqrt(1 - alpha);
    for (int64_t i = 0; i < count; i++)
        out[i] = (slr_real)(image_share * x0[i] + noise_share * noise[i]);
}

void slr_schedule_target(const slr_schedule *schedule, int timestep, int64_t count,
                         const slr_real *x0, const slr_real *noise, slr_real *out)
{
    bool is_v = schedule->config.prediction == SLR_PREDICT_V;
    double alpha = schedule->alphas_cumprod[timestep];
    double noise_share = is_v ? sqrt(alpha) : 1, image_share = is_v ? sqrt(1 - alpha) : 0;
    for (int64_t i = 0; i < count; i++)
        out[i] = (slr_real)(noise_share * noise[i] - image_share * x0[i]);
}

double slr_schedule_snr(const slr_schedule *schedule, int timestep)
{
    double alpha = schedule->alphas_cumprod[timestep];
    return alpha / (1 - alpha);
}

double slr_schedule_loss_weight(const slr_schedule *schedule, int timestep, double gamma)
{
    if (!(gamma > 0))
        return 1;
    double snr = slr_schedule_snr(schedule, timestep);
    return fmin(snr, gamma) / (schedule->config.prediction == SLR_PREDICT_V ? snr + 1 : snr);
}
