/* SPDX-License-Identifier: MIT */
#include "medical/picture_facts.h"

#include <string.h>

#define NAME_OF(table, index, count) \
    ((unsigned)(index) < (unsigned)(count) && (table)[index] ? (table)[index] : "unknown")

const char *slr_picture_kind_name(slr_picture_kind kind)
{
    static const char *const names[SLR_KIND_COUNT] = {
        [SLR_KIND_UNKNOWN] = "unknown", [SLR_KIND_PNG] = "PNG",     [SLR_KIND_JPEG] = "JPEG",
        [SLR_KIND_DICOM] = "DICOM",     [SLR_KIND_NIFTI] = "NIfTI",
    };
    return NAME_OF(names, kind, SLR_KIND_COUNT);
}

const char *slr_picture_skip_name(slr_picture_skip skip)
{
    static const char *const names[SLR_SKIP_COUNT] = {
        [SLR_SKIP_NONE] = "used",
        [SLR_SKIP_FORMAT] = "no picture format",
        [SLR_SKIP_UNREADABLE] = "cannot be read",
        [SLR_SKIP_DAMAGED] = "damaged",
        [SLR_SKIP_NO_PIXELS] = "no pixel data",
        [SLR_SKIP_PDF] = "encapsulated document",
        [SLR_SKIP_FLOAT_PIXELS] = "float pixel data",
        [SLR_SKIP_ONE_BIT] = "1-bit segmentation",
        [SLR_SKIP_WIDE_BITS] = "neither 8 nor 16 bits",
        [SLR_SKIP_LOCALIZER] = "localizer",
        [SLR_SKIP_FOR_PROCESSING] = "for processing",
        [SLR_SKIP_BURNED_IN] = "burned-in text",
        [SLR_SKIP_COLOUR] = "colour",
        [SLR_SKIP_TRANSFER_SYNTAX] = "transfer syntax",
        [SLR_SKIP_COLOUR_MODEL] = "colour model",
        [SLR_SKIP_VALUES] = "table, slope or window without sense",
        [SLR_SKIP_ORIENTATION] = "EXIF orientation",
        [SLR_SKIP_NO_FRAME] = "no such frame",
        [SLR_SKIP_NOT_BUILT] = "not read by this build",
    };
    return NAME_OF(names, skip, SLR_SKIP_COUNT);
}

const char *slr_voi_source_name(slr_voi_source source)
{
    static const char *const names[SLR_VOI_SOURCE_COUNT] = {
        [SLR_VOI_NONE] = "none",
        [SLR_VOI_LUT] = "lut",
        [SLR_VOI_WINDOW] = "window",
        [SLR_VOI_USER] = "user",
        [SLR_VOI_PERCENTILE] = "percentile",
        [SLR_VOI_MINMAX] = "minmax",
        [SLR_VOI_FULL] = "full",
    };
    return NAME_OF(names, source, SLR_VOI_SOURCE_COUNT);
}

const char *slr_colour_name(slr_colour colour)
{
    static const char *const names[SLR_COLOUR_COUNT] = {
        [SLR_COLOUR_GREY] = "grey",
        [SLR_COLOUR_GREY_RGB] = "grey in three channels",
        [SLR_COLOUR_ANNOTATED] = "grey with coloured marks",
        [SLR_COLOUR_TRUE] = "colour",
    };
    return NAME_OF(names, colour, SLR_COLOUR_COUNT);
}

const char *slr_picture_warning_name(int bit)
{
    static const char *const names[SLR_WARN_COUNT] = {
        "the presentation shape contradicts the photometric interpretation: the shape was followed",
        "a window of impossible width was ignored",
        "Burned In Annotation is absent in a kind of picture that often carries text: look at the pictures",
        "a codestream's sign differs from the header",
        "a NIfTI without sform and qform: its axes were taken as they are, left and right may be wrong",
        "voxels that are not numbers became the minimum",
        "see-through pixels were put on black",
        "16-bit PNG that use less than a quarter of their range look black: give --png-max",
        "a gamma or colour profile was ignored",
        "every pixel has the same value",
        "the VOI item asked for is not there: the first was taken",
        "the header says that the picture is synthetic",
        "turned as EXIF says",
        "a pixel spacing without sense: pixels were taken as square",
    };
    return NAME_OF(names, bit, SLR_WARN_COUNT);
}

const char *slr_transfer_syntax_name(const char *uid)
{
    static const char root[] = "1.2.840.10008.1.2";
    static const struct {
        const char *suffix, *name;
    } known[] = {
        {"", "Implicit VR Little Endian"},
        {".1", "Explicit VR Little Endian"},
        {".1.98", "Encapsulated Uncompressed Explicit VR Little Endian"},
        {".1.99", "Deflated Explicit VR Little Endian"},
        {".2", "Explicit VR Big Endian"},
        {".5", "RLE Lossless"},
        {".4.50", "JPEG Baseline"},
        {".4.51", "JPEG Extended"},
        {".4.57", "JPEG Lossless"},
        {".4.70", "JPEG Lossless SV1"},
        {".4.80", "JPEG-LS Lossless"},
        {".4.81", "JPEG-LS Near-lossless"},
        {".4.90", "JPEG 2000 Lossless"},
        {".4.91", "JPEG 2000"},
        {".4.92", "JPEG 2000 Multi-component Lossless"},
        {".4.93", "JPEG 2000 Multi-component"},
        {".4.94", "JPIP Referenced"},
        {".4.95", "JPIP Referenced Deflate"},
        {".4.100", "MPEG2 Main Profile / Main Level"},
        {".4.100.1", "Fragmentable MPEG2 Main Profile / Main Level"},
        {".4.101", "MPEG2 Main Profile / High Level"},
        {".4.101.1", "Fragmentable MPEG2 Main Profile / High Level"},
        {".4.102", "MPEG-4 AVC/H.264 High Profile / Level 4.1"},
        {".4.102.1", "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.1"},
        {".4.103", "MPEG-4 AVC/H.264 BD-compatible High Profile / Level 4.1"},
        {".4.103.1", "Fragmentable MPEG-4 AVC/H.264 BD-compatible High Profile / Level 4.1"},
        {".4.104", "MPEG-4 AVC/H.264 High Profile / Level 4.2 For 2D Video"},
        {".4.104.1", "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.2 For 2D Video"},
        {".4.105", "MPEG-4 AVC/H.264 High Profile / Level 4.2 For 3D Video"},
        {".4.105.1", "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.2 For 3D Video"},
        {".4.106", "MPEG-4 AVC/H.264 Stereo High Profile / Level 4.2"},
        {".4.106.1", "Fragmentable MPEG-4 AVC/H.264 Stereo High Profile / Level 4.2"},
        {".4.107", "HEVC/H.265 Main Profile / Level 5.1"},
        {".4.108", "HEVC/H.265 Main 10 Profile / Level 5.1"},
        {".4.110", "JPEG XL Lossless"},
        {".4.111", "JPEG XL JPEG Recompression"},
        {".4.112", "JPEG XL"},
        {".4.201", "High-Throughput JPEG 2000 Lossless"},
        {".4.202", "High-Throughput JPEG 2000 with RPCL Options Lossless"},
        {".4.203", "High-Throughput JPEG 2000"},
        {".4.204", "JPIP HTJ2K Referenced"},
        {".4.205", "JPIP HTJ2K Referenced Deflate"},
        {".7.1", "SMPTE ST 2110-20 Uncompressed Progressive Active Video"},
        {".8.1", "Deflated Image Frame Compression"},
    };
    if (strncmp(uid, root, sizeof root - 1) != 0)
        return "";
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(uid + sizeof root - 1, known[i].suffix) == 0)
            return known[i].name;
    return "";
}
