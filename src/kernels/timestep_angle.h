/* SPDX-License-Identifier: MIT
 *
 * The angle of one frequency of the time embedding, rounded to single precision after each step as in the reference: at
 * t = 999 its angles are off by 1e-5, and every layer of the network sees that.
 */
#ifndef SLR_TIMESTEP_ANGLE_H
#define SLR_TIMESTEP_ANGLE_H

#include <math.h>
#include <stdint.h>

/* timestep * max_period^(-i / (half - shift)) */
static inline double slr_timestep_angle(double timestep, int64_t i, int64_t half, double shift,
                                        double max_period)
{
    float exponent = (float)-log(max_period) * (float)i;
    exponent /= (float)((double)half - shift);
    float frequency = (float)exp((double)exponent);
    return (double)((float)timestep * frequency);
}

#endif
