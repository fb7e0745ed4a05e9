/* SPDX-License-Identifier: MIT
 * write_picture FILE FRAME OUT [axial|coronal|sagittal]: the greys or colours of a medical file as floats in
 * OUT, for comparison with other programs, and a line about them: width, height, channels, source of the
 * window, its range, inverted, padding pixels; or "refused: ..." with the reason. */
#include <stdio.h>
#include <stdlib.h>

#include "medical/dcm.h"
#include "medical/medical_picture.h"

static selora_status read_picture(char **argv, const slr_medical_options *options, slr_image *image,
                                  slr_picture_facts *facts, slr_error *err)
{
    slr_medical *file;
    SLR_TRY(slr_dcm_init(err));
    SLR_TRY(slr_medical_open(argv[1], &file, NULL, err));
    selora_status status = slr_medical_read(file, strtoll(argv[2], NULL, 10), options, image, facts, err);
    slr_medical_close(file);
    return status;
}

static int write_picture(const char *path, const slr_image *image)
{
    size_t count = (size_t)image->width * (size_t)image->height * (size_t)image->channels;
    FILE *out = fopen(path, "wb");
    size_t written = out ? fwrite(image->pixels, sizeof *image->pixels, count, out) : 0;
    return (out && fclose(out) == 0 && written == count) ? 0 : 1;
}

int main(int argc, char **argv)
{
    slr_medical_options options = slr_medical_options_default();
    slr_picture_facts facts;
    slr_image image;
    slr_error err = {0};
    if (argc < 4 || (argc > 4 && slr_medical_parse_axis(argv[4], &options, &err) != SELORA_OK)) {
        fprintf(stderr, "usage: write_picture FILE FRAME OUT [axial|coronal|sagittal]\n");
        return 2;
    }
    options.localizers = options.for_processing = options.allow_burned_in = true;
    if (read_picture(argv, &options, &image, &facts, &err) != SELORA_OK) {
        printf("refused: %s\n", err.message);
        return 0;
    }
    printf("%d %d %d %s %.17g %.17g %d %lld\n", image.width, image.height, image.channels,
           slr_voi_source_name(facts.voi), facts.voi_low, facts.voi_high, facts.inverted,
           (long long)facts.padding_pixels);
    int failed = write_picture(argv[3], &image);
    slr_image_free(&image);
    slr_dcm_shutdown();
    return failed;
}
