// SPDX-License-Identifier: MIT
// The DICOM boundary over DCMTK. Every function here that is called from C catches what C++ throws.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>
#include <dcmtk/dcmdata/dccodec.h>
#include <dcmtk/dcmdata/dcfcache.h>
#include <dcmtk/dcmdata/dcpixel.h>
#include <dcmtk/dcmdata/dcpixseq.h>
#include <dcmtk/dcmdata/dcpxitem.h>
#include <dcmtk/dcmjpeg/djdecode.h>
#include <dcmtk/dcmjpls/djdecode.h>
#include <dcmtk/oflog/oflog.h>

extern "C" {
#include "medical/dcm_parts.h"
}

struct slr_dcm {
    DcmFileFormat file;
    DcmDataset *dataset = nullptr;
    slr_dcm_desc desc = {};
    slr_dcm_coding coding = SLR_DCM_UNDECODED;
    DcmPixelData *pixels = nullptr;
    DcmPixelSequence *sequence = nullptr; // of compressed pixels
    E_TransferSyntax syntax = EXS_Unknown;
    const DcmRepresentationParameter *parameter = nullptr;
    DcmFileCache cache;          // keeps the file open between frames
    std::vector<Uint32> first;   // fragment with which each frame begins; empty until a frame is wanted
};

namespace {

// Runs what may throw; the C side gets a status.
template <typename Action> selora_status guarded(slr_error *err, Action action) noexcept
{
    try {
        return action();
    } catch (const std::bad_alloc &) {
        return slr_fail(err, SELORA_NO_RESOURCE, "not enough memory to read this DICOM file");
    } catch (...) {
        return slr_fail(err, SELORA_BAD_INPUT, "the DICOM library gave up on this file");
    }
}

template <typename Action> long guarded_count(Action action) noexcept
{
    try {
        return action();
    } catch (...) {
        return -2;
    }
}

// ---- elements ----

enum : long { ABSENT = -1, OTHER_KIND = -2 };

bool parse_number(const char *&at, int base, unsigned long most, unsigned long &value)
{
    char *end;
    if (!isxdigit(static_cast<unsigned char>(*at)))
        return false;
    value = strtoul(at, &end, base);
    if (value > most)
        return false;
    at = end;
    return true;
}

bool parse_tag(const char *&at, DcmTagKey &key)
{
    unsigned long group, element;
    if (!parse_number(at, 16, 0xFFFF, group) || *at++ != ',' || !parse_number(at, 16, 0xFFFF, element))
        return false;
    key.set(static_cast<Uint16>(group), static_cast<Uint16>(element));
    return true;
}

// The element of "gggg,eeee[i]/gggg,eeee"; null when it, an item or a sequence on the way is absent.
DcmElement *find_element(const slr_dcm *dcm, const char *path)
{
    DcmItem *item = dcm->dataset;
    for (;;) {
        DcmTagKey key;
        DcmElement *element = nullptr;
        if (!parse_tag(path, key) || item->findAndGetElement(key, element).bad() || !element)
            return nullptr;
        if (!*path)
            return element;
        unsigned long index;
        if (*path++ != '[' || !parse_number(path, 10, INT_MAX, index) || *path++ != ']' || *path++ != '/' ||
            element->ident() != EVR_SQ)
            return nullptr;
        item = static_cast<DcmSequenceOfItems *>(element)->getItem(index);
        if (!item)
            return nullptr;
    }
}

// One number of a decimal or integer string; blanks around it are fine, the locale has no say.
bool parse_decimal(const char *begin, const char *end, double &value)
{
    while (begin < end && *begin == ' ')
        begin++;
    while (end > begin && (end[-1] == ' ' || end[-1] == '\0'))
        end--;
    if (begin < end && *begin == '+')
        begin++;
    auto parsed = std::from_chars(begin, end, value);
    return begin < end && parsed.ec == std::errc() && parsed.ptr == end;
}

// A string as it is stored; empty when it has no value.
selora_status stored_string(DcmElement *element, const char *&text, size_t &length)
{
    char *start = nullptr;
    Uint32 size = 0;
    if (element->getString(start, size).bad())
        return SELORA_BAD_INPUT;
    text = start ? start : "";
    length = start ? size : 0;
    return SELORA_OK;
}

long string_numbers(DcmElement *element, double *out, size_t n)
{
    const char *text;
    size_t length;
    if (stored_string(element, text, length) != SELORA_OK)
        return OTHER_KIND;
    const char *end = text + length, *start = text;
    while (end > start && (end[-1] == ' ' || end[-1] == '\0'))
        end--;
    if (start == end)
        return 0;
    for (size_t count = 0;;) {
        const char *stop = static_cast<const char *>(memchr(start, '\\', static_cast<size_t>(end - start)));
        double value;
        if (!parse_decimal(start, stop ? stop : end, value))
            return OTHER_KIND;
        if (count < n)
            out[count] = value;
        count++;
        if (!stop)
            return static_cast<long>(count);
        start = stop + 1;
    }
}

template <typename Number> long copy_numbers(OFCondition got, const Number *values, size_t count, double *out, size_t n)
{
    if (got.bad())
        return OTHER_KIND;
    if (!values)
        return 0;
    for (size_t i = 0; i < count && i < n; i++)
        out[i] = static_cast<double>(values[i]);
    return static_cast<long>(count);
}

template <typename Number>
long array_numbers(DcmElement *element, OFCondition (DcmElement::*get)(Number *&), double *out, size_t n)
{
    Number *values = nullptr;
    OFCondition got = (element->*get)(values);
    return copy_numbers(got, values, element->getLengthField() / sizeof(Number), out, n);
}

long numbers_of(DcmElement *element, double *out, size_t n)
{
    switch (element->ident()) {
    case EVR_DS:
    case EVR_IS:
        return string_numbers(element, out, n);
    case EVR_US:
    case EVR_xs:
    case EVR_lt:
    case EVR_OW:
        return array_numbers<Uint16>(element, &DcmElement::getUint16Array, out, n);
    case EVR_SS:
        return array_numbers<Sint16>(element, &DcmElement::getSint16Array, out, n);
    case EVR_UL:
    case EVR_up:
        return array_numbers<Uint32>(element, &DcmElement::getUint32Array, out, n);
    case EVR_SL:
        return array_numbers<Sint32>(element, &DcmElement::getSint32Array, out, n);
    case EVR_FL:
        return array_numbers<Float32>(element, &DcmElement::getFloat32Array, out, n);
    case EVR_FD:
        return array_numbers<Float64>(element, &DcmElement::getFloat64Array, out, n);
    case EVR_OB:
    case EVR_UN:
        return array_numbers<Uint8>(element, &DcmElement::getUint8Array, out, n);
    default: // DcmOtherByteOtherWord answers with what it really is, everything else is text or a sequence
        return OTHER_KIND;
    }
}

long bytes_of(DcmElement *element, void *out, size_t n)
{
    const void *value = nullptr;
    size_t length = element->getLengthField();
    switch (element->ident()) {
    case EVR_SQ:
    case EVR_pixelSQ:
        return OTHER_KIND;
    case EVR_US:
    case EVR_xs:
    case EVR_lt:
    case EVR_OW: {
        Uint16 *words = nullptr;
        if (element->getUint16Array(words).bad())
            return OTHER_KIND;
        value = words;
        break;
    }
    case EVR_SS: {
        Sint16 *words = nullptr;
        if (element->getSint16Array(words).bad())
            return OTHER_KIND;
        value = words;
        break;
    }
    case EVR_OB:
    case EVR_UN: {
        Uint8 *bytes = nullptr;
        if (element->getUint8Array(bytes).bad())
            return OTHER_KIND;
        value = bytes;
        break;
    }
    default: {
        const char *text;
        if (stored_string(element, text, length) != SELORA_OK)
            return OTHER_KIND;
        value = text;
    }
    }
    if (!value)
        return 0;
    memcpy(out, value, length < n ? length : n);
    return static_cast<long>(length);
}

long text_of(DcmElement *element, char *out, size_t n)
{
    switch (element->ident()) {
    case EVR_SQ:
    case EVR_pixelSQ:
    case EVR_PixelData:
    case EVR_OB:
    case EVR_OW:
    case EVR_UN:
        return OTHER_KIND;
    default:
        break;
    }
    OFString text;
    if (element->getOFStringArray(text, OFFalse).bad())
        return OTHER_KIND;
    size_t length = text.length();
    while (length > 0 && (text[length - 1] == ' ' || text[length - 1] == '\0'))
        length--;
    size_t taken = 0;
    for (; taken < length && taken + 1 < n; taken++) {
        auto c = static_cast<unsigned char>(text[taken]);
        out[taken] = c < 0x20 || c == 0x7f ? ' ' : static_cast<char>(c);
    }
    if (n > 0)
        out[taken] = '\0';
    return static_cast<long>(length);
}

// ---- opening ----

// A number of the top level; SLR_DCM_ABSENT when there is none, SLR_DCM_ABSENT - 1 when it is no whole number.
int64_t header_number(const slr_dcm *dcm, const char *path)
{
    double value = 0;
    long count = slr_dcm_doubles(dcm, path, &value, 1);
    if (count == ABSENT || count == 0)
        return SLR_DCM_ABSENT;
    if (count < 0 || !(value >= -2147483648.0 && value <= 4294967295.0) || value != static_cast<double>(static_cast<int64_t>(value)))
        return SLR_DCM_ABSENT - 1;
    return static_cast<int64_t>(value);
}

// Code strings go into messages: nothing but their own letters may pass.
void header_code(const slr_dcm *dcm, const char *path, char *out, size_t n)
{
    if (slr_dcm_text(dcm, path, out, n) < 0)
        out[0] = '\0';
    for (char *c = out; *c; c++)
        if (!(*c >= 'A' && *c <= 'Z') && !(*c >= '0' && *c <= '9') && *c != '_' && *c != ' ')
            *c = '?';
}

void read_header(slr_dcm *dcm, slr_dcm_header *header)
{
    DcmElement *element = nullptr;
    *header = {};
    header->rows = header_number(dcm, "0028,0010");
    header->columns = header_number(dcm, "0028,0011");
    header->frames = header_number(dcm, "0028,0008");
    header->samples = header_number(dcm, "0028,0002");
    header->bits_allocated = header_number(dcm, "0028,0100");
    header->bits_stored = header_number(dcm, "0028,0101");
    header->high_bit = header_number(dcm, "0028,0102");
    header->representation = header_number(dcm, "0028,0103");
    header->planar = header_number(dcm, "0028,0006");
    header_code(dcm, "0028,0004", header->photometric, sizeof header->photometric);
    snprintf(header->transfer_syntax, sizeof header->transfer_syntax, "%s", DcmXfer(dcm->syntax).getXferID());
    header->has_float_pixels = dcm->dataset->tagExists(DCM_FloatPixelData) || dcm->dataset->tagExists(DCM_DoubleFloatPixelData);
    if (dcm->dataset->findAndGetElement(DCM_PixelData, element).bad() || !element || element->ident() != EVR_PixelData)
        return;
    header->has_pixels = true;
    dcm->pixels = static_cast<DcmPixelData *>(element);
    E_TransferSyntax syntax = EXS_Unknown;
    dcm->pixels->getOriginalRepresentationKey(syntax, dcm->parameter);
    header->encapsulated = DcmXfer(syntax).isEncapsulated() &&
                           dcm->pixels->getEncapsulatedRepresentation(syntax, dcm->parameter, dcm->sequence).good();
    header->pixel_length = header->encapsulated ? 0 : dcm->pixels->getLengthField();
}

selora_status check_plain_file(const char *path, slr_error *err)
{
    struct stat about;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return slr_fail(err, errno == EACCES || errno == EMFILE ? SELORA_NO_RESOURCE : SELORA_BAD_INPUT,
                        "the file cannot be opened: %s", strerror(errno));
    bool plain = fstat(fd, &about) == 0 && S_ISREG(about.st_mode);
    close(fd);
    if (!plain)
        return slr_fail(err, SELORA_BAD_INPUT, "found a folder, pipe or device, expected a plain file");
    if (about.st_size == 0)
        return slr_fail(err, SELORA_BAD_INPUT, "the file is empty, expected a DICOM object");
    return SELORA_OK;
}

// A failed load: an unknown syntax has a better name than "corrupted".
selora_status explain_load(slr_dcm *dcm, const OFCondition &loaded, slr_error *err)
{
    OFString uid;
    DcmMetaInfo *meta = dcm->file.getMetaInfo();
    if (meta && meta->findAndGetOFString(DCM_TransferSyntaxUID, uid).good()) {
        const slr_dcm_syntax *syntax = slr_dcm_find_syntax(uid.c_str());
        if (!syntax || syntax->coding == SLR_DCM_UNDECODED) {
            char text[SLR_DCM_REFUSAL];
            slr_dcm_refuse_syntax(uid.c_str(), text, sizeof text);
            return slr_fail(err, SELORA_BAD_INPUT, "%s", text);
        }
    }
    return slr_fail(err, SELORA_BAD_INPUT, "no whole DICOM object: %s", loaded.text());
}

// ---- frames ----

selora_status refuse_damaged(const char *what, const OFCondition &condition, slr_error *err)
{
    return slr_fail(err, SELORA_BAD_INPUT, "(7FE0,0010) Pixel Data: %s: %s", what, condition.text());
}

selora_status find_frames(slr_dcm *dcm, slr_error *err)
{
    std::vector<slr_dcm_fragment> fragments;
    std::vector<uint32_t> offsets;
    DcmObject *object = nullptr;
    for (bool table = true; (object = dcm->sequence->nextInContainer(object)) != nullptr; table = false) {
        auto *item = static_cast<DcmPixelItem *>(object);
        slr_dcm_fragment fragment = {};
        fragment.length = item->getLength();
        if (table) {
            Uint8 *bytes = nullptr;
            if (fragment.length >= 4 && item->getUint8Array(bytes).good() && bytes)
                for (Uint32 i = 0; i + 4 <= fragment.length; i += 4)
                    offsets.push_back(static_cast<uint32_t>(bytes[i]) | static_cast<uint32_t>(bytes[i + 1]) << 8 |
                                      static_cast<uint32_t>(bytes[i + 2]) << 16 |
                                      static_cast<uint32_t>(bytes[i + 3]) << 24);
            continue;
        }
        Uint32 head = fragment.length < SLR_DCM_HEAD ? fragment.length : static_cast<Uint32>(SLR_DCM_HEAD);
        if (head > 0 && item->getPartialValue(fragment.head, 0, head, &dcm->cache).bad())
            return slr_fail(err, SELORA_BAD_INPUT, "(7FE0,0010) Pixel Data: a fragment cannot be read");
        fragments.push_back(fragment);
    }
    std::vector<Uint32> first(static_cast<size_t>(dcm->desc.frames) + 1);
    SLR_TRY(slr_dcm_find_frames(dcm->coding, fragments.data(), fragments.size(), offsets.data(), offsets.size(),
                                dcm->desc.frames, first.data(), err));
    dcm->first = std::move(first);
    return SELORA_OK;
}

// The compressed bytes of a frame, its fragments joined; an odd end gets the pad byte that items must have.
selora_status join_fragments(slr_dcm *dcm, uint32_t frame, std::vector<Uint8> &stream, slr_error *err)
{
    if (dcm->first.empty())
        SLR_TRY(find_frames(dcm, err));
    for (Uint32 f = dcm->first[frame]; f < dcm->first[frame + 1]; f++) {
        DcmPixelItem *item = nullptr;
        OFCondition got = dcm->sequence->getItem(item, f + 1); // item 0 is the offset table
        size_t length = got.good() ? item->getLength() : 0, before = stream.size();
        if (length == 0)
            continue;
        stream.resize(before + length);
        got = item->getPartialValue(stream.data() + before, 0, static_cast<Uint32>(length), &dcm->cache);
        if (got.bad())
            return refuse_damaged("a fragment cannot be read", got, err);
    }
    if (stream.size() % 2 != 0)
        stream.push_back(0);
    return SELORA_OK;
}

// What a decoder of DCMTK asks for, from checked values alone.
OFCondition describe_frame(const slr_dcm_desc &desc, DcmDataset &shape)
{
    OFCondition put = shape.putAndInsertUint16(DCM_SamplesPerPixel, static_cast<Uint16>(desc.samples));
    put = put.good() ? shape.putAndInsertString(DCM_PhotometricInterpretation, desc.photometric) : put;
    put = put.good() ? shape.putAndInsertUint16(DCM_PlanarConfiguration, 0) : put;
    put = put.good() ? shape.putAndInsertUint16(DCM_Rows, static_cast<Uint16>(desc.rows)) : put;
    put = put.good() ? shape.putAndInsertUint16(DCM_Columns, static_cast<Uint16>(desc.columns)) : put;
    put = put.good() ? shape.putAndInsertUint16(DCM_BitsAllocated, static_cast<Uint16>(desc.bits_allocated)) : put;
    put = put.good() ? shape.putAndInsertUint16(DCM_BitsStored, static_cast<Uint16>(desc.bits_stored)) : put;
    put = put.good() ? shape.putAndInsertUint16(DCM_HighBit, static_cast<Uint16>(desc.high_bit)) : put;
    return put.good() ? shape.putAndInsertUint16(DCM_PixelRepresentation, desc.is_signed ? 1 : 0) : put;
}

// JPEG and JPEG-LS: one frame as a sequence of its own, so that a damaged stream cannot eat the next frame.
selora_status decode_jpeg(slr_dcm *dcm, const std::vector<Uint8> &stream, uint8_t *out, size_t bytes, char *model,
                          slr_error *err)
{
    int precision;
    SLR_TRY(slr_jpeg_check_header(stream.data(), stream.size(), &dcm->desc, &precision, err));
    // streams of 8 bits and less come as bytes, even where words are wanted
    bool widen = precision <= 8 && dcm->desc.bits_allocated == 16;
    if (widen)
        bytes /= 2;
    std::vector<Uint8> narrow;
    bool aside = widen || bytes % 2 != 0; // decoders want an even size
    if (aside)
        narrow.resize(bytes + bytes % 2);
    else
        memset(out, 0, bytes);
    slr_dcm_desc as_decoded = dcm->desc;
    if (widen && dcm->coding == SLR_DCM_JPEG_LS) {
        as_decoded.bits_allocated = 8; // this decoder refuses the difference
        as_decoded.bits_stored = as_decoded.bits_stored < 8 ? as_decoded.bits_stored : 8;
        as_decoded.high_bit = as_decoded.bits_stored - 1;
    }
    DcmDataset shape;
    DcmPixelSequence sequence(DcmTag(DCM_PixelSequenceTag, EVR_OB));
    auto *table = new DcmPixelItem(DcmTag(DCM_PixelItemTag, EVR_OB));
    sequence.insert(table);
    auto *item = new DcmPixelItem(DcmTag(DCM_PixelItemTag, EVR_OB));
    sequence.insert(item);
    OFCondition done = describe_frame(as_decoded, shape);
    done = done.good() ? item->putUint8Array(stream.data(), stream.size()) : done;
    OFString colours;
    Uint32 fragment = 1;
    if (done.good())
        done = DcmCodecList::decodeFrame(DcmXfer(dcm->syntax), dcm->parameter, &sequence, &shape, 0, fragment,
                                         aside ? narrow.data() : out, static_cast<Uint32>(bytes + bytes % 2), colours);
    if (done.bad())
        return refuse_damaged("the JPEG stream is damaged or cut", done, err);
    for (size_t i = 0; widen && i < bytes; i++) {
        Uint16 word = narrow[i];
        memcpy(out + 2 * i, &word, sizeof word);
    }
    if (aside && !widen)
        memcpy(out, narrow.data(), bytes);
    snprintf(model, SLR_DCM_MODEL, "%s", colours.c_str());
    return SELORA_OK;
}

selora_status decode_compressed(slr_dcm *dcm, uint32_t frame, uint8_t *out, size_t bytes, char *model, slr_error *err)
{
    std::vector<Uint8> stream;
    SLR_TRY(join_fragments(dcm, frame, stream, err));
    snprintf(model, SLR_DCM_MODEL, "%s", dcm->desc.photometric);
    if (dcm->coding == SLR_DCM_RLE)
        return slr_rle_decode(stream.data(), stream.size(), &dcm->desc, out, err);
    if (dcm->coding == SLR_DCM_JPEG_2000)
        return slr_jpeg2000_decode(stream.data(), stream.size(), &dcm->desc, out, model, &dcm->desc.other_sign, err);
    return decode_jpeg(dcm, stream, out, bytes, model, err);
}

selora_status read_native(slr_dcm *dcm, uint32_t frame, uint8_t *out, size_t bytes, char *model, slr_error *err)
{
    std::vector<Uint8> planes;
    bool planar = dcm->desc.samples == 3 && dcm->desc.planar == 1;
    if (planar)
        planes.resize(bytes);
    OFCondition got = dcm->pixels->getPartialValue(planar ? planes.data() : out, static_cast<Uint32>(frame * bytes),
                                                   static_cast<Uint32>(bytes), &dcm->cache, gLocalByteOrder);
    if (got.bad())
        return refuse_damaged("it cannot be read", got, err);
    if (planar)
        slr_dcm_interleave(planes.data(), static_cast<size_t>(dcm->desc.rows) * dcm->desc.columns, 3,
                           dcm->desc.bits_allocated / 8, out);
    snprintf(model, SLR_DCM_MODEL, "%s", dcm->desc.photometric);
    return SELORA_OK;
}

} // namespace

// ---- the boundary ----

selora_status slr_dcm_init(slr_error *err)
{
    return guarded(err, [&] {
        OFLog::configure(OFLogger::OFF_LOG_LEVEL);
        dcmEnableUnknownVRConversion.set(OFTrue); // known tags written as UN are read as what they are
        if (!dcmDataDict.isDictionaryLoaded() || DcmTag(DCM_Rows).getEVR() != EVR_US ||
            DcmTag(DCM_PixelData).getEVR() == EVR_UN)
            return slr_fail(err, SELORA_NO_RESOURCE,
                            "DCMTK's data dictionary (%s, or the file that the variable DCMDICTPATH names) cannot be "
                            "read, without it every DICOM tag looks absent: install libdcmtk17 or set DCMDICTPATH",
                            DCM_DICT_DEFAULT_PATH);
        DJDecoderRegistration::registerCodecs(EDC_photometricInterpretation, EUC_never, EPC_colorByPixel);
        DJLSDecoderRegistration::registerCodecs(EJLSUC_never, EJLSPC_colorByPixel);
        return SELORA_OK;
    });
}

void slr_dcm_shutdown(void)
{
    guarded(nullptr, [] {
        DJDecoderRegistration::cleanup();
        DJLSDecoderRegistration::cleanup();
        return SELORA_OK;
    });
}

selora_status slr_dcm_open(const char *path, slr_dcm **result, slr_error *err)
{
    *result = nullptr;
    return guarded(err, [&] {
        SLR_TRY(check_plain_file(path, err));
        auto dcm = std::make_unique<slr_dcm>();
        OFCondition loaded = dcm->file.loadFile(OFFilename(path), EXS_Unknown, EGL_noChange, DCM_MaxReadLength, ERM_autoDetect);
        if (loaded.bad())
            return explain_load(dcm.get(), loaded, err);
        dcm->dataset = dcm->file.getDataset();
        dcm->syntax = dcm->dataset->getOriginalXfer();
        slr_dcm_header header;
        read_header(dcm.get(), &header);
        slr_dcm_judge(&header, &dcm->desc);
        const slr_dcm_syntax *syntax = slr_dcm_find_syntax(header.transfer_syntax);
        dcm->coding = syntax ? syntax->coding : SLR_DCM_UNDECODED;
        *result = dcm.release();
        return SELORA_OK;
    });
}

void slr_dcm_describe(const slr_dcm *dcm, slr_dcm_desc *desc)
{
    *desc = dcm->desc;
}

void slr_dcm_close(slr_dcm *dcm)
{
    guarded(nullptr, [&] {
        delete dcm;
        return SELORA_OK;
    });
}

selora_status slr_dcm_frame(slr_dcm *dcm, uint32_t frame, void *out, size_t bytes, char model[SLR_DCM_MODEL],
                            slr_error *err)
{
    return guarded(err, [&] {
        if (dcm->desc.pixels != SLR_DCM_PIXELS)
            return slr_fail(err, SELORA_BAD_INPUT, "%s", dcm->desc.refusal);
        if (frame >= dcm->desc.frames || bytes != dcm->desc.frame_bytes)
            return slr_fail(err, SELORA_BAD_INPUT, "(0028,0008) Number of Frames: found %u, wanted was frame %u",
                            static_cast<unsigned>(dcm->desc.frames), static_cast<unsigned>(frame));
        auto *pixels = static_cast<uint8_t *>(out);
        return dcm->coding == SLR_DCM_NATIVE ? read_native(dcm, frame, pixels, bytes, model, err)
                                             : decode_compressed(dcm, frame, pixels, bytes, model, err);
    });
}

long slr_dcm_doubles(const slr_dcm *dcm, const char *path, double *out, size_t n)
{
    return guarded_count([&] {
        DcmElement *element = find_element(dcm, path);
        return element ? numbers_of(element, out, n) : ABSENT;
    });
}

long slr_dcm_text(const slr_dcm *dcm, const char *path, char *out, size_t n)
{
    return guarded_count([&] {
        DcmElement *element = find_element(dcm, path);
        return element ? text_of(element, out, n) : ABSENT;
    });
}

long slr_dcm_bytes(const slr_dcm *dcm, const char *path, void *out, size_t n)
{
    return guarded_count([&] {
        DcmElement *element = find_element(dcm, path);
        return element ? bytes_of(element, out, n) : ABSENT;
    });
}

long slr_dcm_items(const slr_dcm *dcm, const char *path)
{
    return guarded_count([&]() -> long {
        DcmElement *element = find_element(dcm, path);
        if (!element)
            return ABSENT;
        if (element->ident() != EVR_SQ)
            return OTHER_KIND;
        return static_cast<long>(static_cast<DcmSequenceOfItems *>(element)->card());
    });
}
