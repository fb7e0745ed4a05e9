/* SPDX-License-Identifier: MIT
 *
 * One level of the undecimated coif1 wavelet with periodic edges, as PyWavelets' swt and PyRadiomics have it.
 *
 *     slr_wavelet_band(in, side, side, SLR_WAVELET_HIGH, SLR_WAVELET_LOW, scratch, out);       (LH reads: H
 * along y, L along x)
 */
#ifndef SLR_WAVELET_H
#define SLR_WAVELET_H

typedef enum slr_wavelet_filter { SLR_WAVELET_LOW, SLR_WAVELET_HIGH } slr_wavelet_filter;

/* in, scratch and out: (height, width), apart. */
void slr_wavelet_band(const double *in, int width, int height, slr_wavelet_filter down,
                      slr_wavelet_filter across, double *scratch, double *out);

#endif
