/* SPDX-License-Identifier: MIT
 * The transfer syntaxes of DICOM (PS3.6 A): how each is decoded, or the name under which it is refused. Also:
 * what the first bytes of a file say. */
#include <stdio.h>
#include <string.h>

#include "medical/dcm_parts.h"

#define BASE "1.2.840.10008.1.2"

static const slr_dcm_syntax syntaxes[] = {
    {BASE, "Implicit VR Little Endian", SLR_DCM_NATIVE},
    {BASE ".1", "Explicit VR Little Endian", SLR_DCM_NATIVE},
    {BASE ".1.99", "Deflated Explicit VR Little Endian", SLR_DCM_NATIVE},
    {BASE ".2", "Explicit VR Big Endian", SLR_DCM_NATIVE},
    {BASE ".5", "RLE Lossless", SLR_DCM_RLE},
    {BASE ".4.50", "JPEG Baseline", SLR_DCM_JPEG},
    {BASE ".4.51", "JPEG Extended", SLR_DCM_JPEG},
    {BASE ".4.57", "JPEG Lossless", SLR_DCM_JPEG},
    {BASE ".4.70", "JPEG Lossless, First-Order Prediction", SLR_DCM_JPEG},
    {BASE ".4.80", "JPEG-LS Lossless", SLR_DCM_JPEG_LS},
    {BASE ".4.81", "JPEG-LS Near-Lossless", SLR_DCM_JPEG_LS},
    {BASE ".4.90", "JPEG 2000 Lossless", SLR_DCM_JPEG_2000},
    {BASE ".4.91", "JPEG 2000", SLR_DCM_JPEG_2000},

    {BASE ".1.98", "Encapsulated Uncompressed Explicit VR Little Endian", SLR_DCM_UNDECODED},
    {BASE ".4.52", "JPEG Extended, Processes 3 & 5", SLR_DCM_UNDECODED},
    {BASE ".4.53", "JPEG Spectral Selection, Processes 6 & 8", SLR_DCM_UNDECODED},
    {BASE ".4.54", "JPEG Spectral Selection, Processes 7 & 9", SLR_DCM_UNDECODED},
    {BASE ".4.55", "JPEG Full Progression, Processes 10 & 12", SLR_DCM_UNDECODED},
    {BASE ".4.56", "JPEG Full Progression, Processes 11 & 13", SLR_DCM_UNDECODED},
    {BASE ".4.58", "JPEG Lossless, Process 15", SLR_DCM_UNDECODED},
    {BASE ".4.92", "JPEG 2000 Multi-component Lossless", SLR_DCM_UNDECODED},
    {BASE ".4.93", "JPEG 2000 Multi-component", SLR_DCM_UNDECODED},
    {BASE ".4.94", "JPIP Referenced", SLR_DCM_UNDECODED},
    {BASE ".4.95", "JPIP Referenced Deflate", SLR_DCM_UNDECODED},
    {BASE ".4.100", "MPEG2 Main Profile / Main Level", SLR_DCM_UNDECODED},
    {BASE ".4.100.1", "Fragmentable MPEG2 Main Profile / Main Level", SLR_DCM_UNDECODED},
    {BASE ".4.101", "MPEG2 Main Profile / High Level", SLR_DCM_UNDECODED},
    {BASE ".4.101.1", "Fragmentable MPEG2 Main Profile / High Level", SLR_DCM_UNDECODED},
    {BASE ".4.102", "MPEG-4 AVC/H.264 High Profile", SLR_DCM_UNDECODED},
    {BASE ".4.102.1", "Fragmentable MPEG-4 AVC/H.264 High Profile", SLR_DCM_UNDECODED},
    {BASE ".4.103", "MPEG-4 AVC/H.264 BD-compatible High Profile", SLR_DCM_UNDECODED},
    {BASE ".4.103.1", "Fragmentable MPEG-4 AVC/H.264 BD-compatible High Profile", SLR_DCM_UNDECODED},
    {BASE ".4.104", "MPEG-4 AVC/H.264 High Profile For 2D Video", SLR_DCM_UNDECODED},
    {BASE ".4.104.1", "Fragmentable MPEG-4 AVC/H.264 High Profile For 2D Video", SLR_DCM_UNDECODED},
    {BASE ".4.105", "MPEG-4 AVC/H.264 High Profile For 3D Video", SLR_DCM_UNDECODED},
    {BASE ".4.105.1", "Fragmentable MPEG-4 AVC/H.264 High Profile For 3D Video", SLR_DCM_UNDECODED},
    {BASE ".4.106", "MPEG-4 AVC/H.264 Stereo High Profile", SLR_DCM_UNDECODED},
    {BASE ".4.106.1", "Fragmentable MPEG-4 AVC/H.264 Stereo High Profile", SLR_DCM_UNDECODED},
    {BASE ".4.107", "HEVC/H.265 Main Profile", SLR_DCM_UNDECODED},
    {BASE ".4.108", "HEVC/H.265 Main 10 Profile", SLR_DCM_UNDECODED},
    {BASE ".4.110", "JPEG XL Lossless", SLR_DCM_UNDECODED},
    {BASE ".4.111", "JPEG XL JPEG Recompression", SLR_DCM_UNDECODED},
    {BASE ".4.112", "JPEG XL", SLR_DCM_UNDECODED},
    {BASE ".4.201", "High-Throughput JPEG 2000 Lossless", SLR_DCM_UNDECODED},
    {BASE ".4.202", "High-Throughput JPEG 2000 with RPCL Options Lossless", SLR_DCM_UNDECODED},
    {BASE ".4.203", "High-Throughput JPEG 2000", SLR_DCM_UNDECODED},
    {BASE ".4.204", "JPIP HTJ2K Referenced", SLR_DCM_UNDECODED},
    {BASE ".4.205", "JPIP HTJ2K Referenced Deflate", SLR_DCM_UNDECODED},
    {BASE ".6.1", "RFC 2557 MIME encapsulation", SLR_DCM_UNDECODED},
    {BASE ".6.2", "XML Encoding", SLR_DCM_UNDECODED},
    {BASE ".7.1", "SMPTE ST 2110-20 Progressive Video", SLR_DCM_UNDECODED},
    {BASE ".7.2", "SMPTE ST 2110-20 Interlaced Video", SLR_DCM_UNDECODED},
    {BASE ".7.3", "SMPTE ST 2110-30 Audio", SLR_DCM_UNDECODED},
    {BASE ".8.1", "Deflated Image Frame Compression", SLR_DCM_UNDECODED},
    {"1.2.840.10008.1.20", "Papyrus 3 Implicit VR Little Endian", SLR_DCM_UNDECODED},
    {"1.2.840.113619.5.2", "GE private, big-endian pixels", SLR_DCM_UNDECODED},
};

const slr_dcm_syntax *slr_dcm_find_syntax(const char *uid)
{
    for (size_t i = 0; i < sizeof syntaxes / sizeof *syntaxes; i++)
        if (strcmp(syntaxes[i].uid, uid) == 0)
            return &syntaxes[i];
    return NULL;
}

void slr_dcm_refuse_syntax(const char *uid, char *text, size_t capacity)
{
    const slr_dcm_syntax *syntax = slr_dcm_find_syntax(uid);
    if (!uid[0] || strspn(uid, "0123456789.") != strlen(uid))
        snprintf(text, capacity,
                 "(0002,0010) Transfer Syntax UID: found %s, expected one that selora decodes",
                 uid[0] ? "something that is no UID" : "nothing");
    else
        snprintf(text, capacity,
                 "(0002,0010) Transfer Syntax UID: found %.64s (%s), which selora does not decode; expected "
                 "uncompressed, "
                 "RLE, JPEG, JPEG-LS or JPEG 2000: convert the file, for example with gdcmconv --raw",
                 uid, syntax ? syntax->name : "no standard syntax that selora knows");
}

/* ---- how a data set is written ---- */

static const char implicit_little[] = "Implicit VR Little Endian",
                  explicit_little[] = "Explicit VR Little Endian", explicit_big[] = "Explicit VR Big Endian",
                  deflated[] = "Deflated Explicit VR Little Endian";

const char *slr_dcm_syntax_encoding(const slr_dcm_syntax *syntax)
{
    static const char *const others[] = {implicit_little, explicit_big, deflated};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(syntax->name, others[i]) == 0)
            return others[i];
    return explicit_little;
}

static bool is_upper(uint8_t c)
{
    return c >= 'A' && c <= 'Z';
}

/* The data set follows the meta header, whose length stands in its first element, (0002,0000). */
const char *slr_dcm_data_encoding(const uint8_t *head, size_t size)
{
    static const uint8_t length_tag[] = {2, 0, 0, 0, 'U', 'L', 4, 0};
    if (size < 144 || memcmp(head + 132, length_tag, sizeof length_tag) != 0)
        return NULL;
    size_t length = (size_t)head[140] | (size_t)head[141] << 8;
    const uint8_t *b = head + 144 + length;
    if (head[142] != 0 || head[143] != 0 || length + 144 + 8 > size)
        return NULL;
    bool big = b[0] == 0 && b[1] != 0, little = b[0] != 0 && b[1] == 0;
    if (is_upper(b[4]) && is_upper(b[5]))
        return little ? explicit_little : big ? explicit_big : NULL;
    return little && b[6] == 0 && b[7] == 0 ? implicit_little : NULL;
}

/* ---- what a file begins with ---- */

/* A first element of group 0002 or 0008, element 0000 to 0018, in any byte order, with a VR or a short length
 * behind it: what files without a preamble begin with. */
static bool begins_with_element(const uint8_t *b)
{
    bool big = b[0] == 0;
    uint8_t group = big ? b[1] : b[0], element = big ? b[3] : b[2];
    if ((big ? b[0] | b[2] : b[1] | b[3]) != 0 || (group != 2 && group != 8) || element > 0x18)
        return false;
    return (is_upper(b[4]) && is_upper(b[5])) || (!big && b[6] == 0 && b[7] == 0);
}

bool slr_dcm_looks_like(const void *head, size_t size)
{
    const uint8_t *bytes = head;
    if (size >= 132 && memcmp(bytes + 128, "DICM", 4) == 0)
        return true;
    return size >= 16 && begins_with_element(bytes);
}
