/* SPDX-License-Identifier: MIT
 *
 * The one way from a medical file of any kind to pictures: DICOM, NIfTI, PNG or JPEG, told by content.
 *
 *     slr_medical *file;
 *     int64_t *frames;
 *     size_t count;
 *     SLR_TRY(slr_medical_open(path, &file, NULL, err));
 *     SLR_TRY(slr_medical_choose(file, &options, &frames, &count, NULL, err));
 *     SLR_TRY(slr_medical_read(file, frames[0], &options, &image, &facts, err));
 *     slr_image_free(&image);
 *     free(frames);
 *     slr_medical_close(file);
 *
 * Messages hold neither path nor header text that could name a patient; the caller puts the row number
 * or, to a terminal, the path before them. DICOM needs slr_dcm_init() once before, see medical/dcm.h.
 */
#ifndef SLR_MEDICAL_PICTURE_H
#define SLR_MEDICAL_PICTURE_H

#include "io/image.h"
#include "medical/medical_options.h"
#include "medical/picture_facts.h"

typedef struct slr_medical slr_medical;

/* What the first bytes of a file look like; SLR_KIND_UNKNOWN when nothing fits or it cannot be read. Cheap:
 * at most a few hundred bytes are read. A DICOM file without preamble is told by its first element. */
slr_picture_kind slr_medical_kind_of(const char *path);

/* Reads the header, checks it; pixels are decoded when asked for. On failure *file is NULL and *skip (may
 * be NULL) says why. */
selora_status slr_medical_open(const char *path, slr_medical **file, slr_picture_skip *skip, slr_error *err);
slr_picture_kind slr_medical_kind(const slr_medical *file);
void slr_medical_close(slr_medical *file); /* NULL is legal */

/* Pictures in the file: frames, or slices along the axis. */
int64_t slr_medical_frames(const slr_medical *file, const slr_medical_options *options);

/* The frames that the slice rule takes, ascending; free() them. SLR_SLICE_LARGEST decodes every frame. On
 * failure *skip (may be NULL) says why. */
selora_status slr_medical_choose(slr_medical *file, const slr_medical_options *options, int64_t **frames,
                                 size_t *count, slr_picture_skip *skip, slr_error *err);

/* What the header says; no pixels are decoded, so what follows from them (padding pixels, colour,
 * percentiles) is empty. Fails where reading the picture is sure to fail, with facts->skip set and
 * everything known filled in. */
selora_status slr_medical_facts(slr_medical *file, int64_t frame, const slr_medical_options *options,
                                slr_picture_facts *facts, slr_error *err);

/* The picture: grey 0 (black) to 1, or RGB, square pixels, full size. On failure *image is empty and
 * facts->skip says why. */
selora_status slr_medical_read(slr_medical *file, int64_t frame, const slr_medical_options *options,
                               slr_image *image, slr_picture_facts *facts, slr_error *err);

#endif
