// SPDX-License-Identifier: MIT
// The DICOM boundary over DCMTK. Every function here that is called from C catches what C++ throws.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "medical/dcm_handle.h"

#include <dcmtk/dcmdata/dccodec.h>
#include <dcmtk/dcmdata/dcpixseq.h>
#include <dcmtk/dcmdata/dcpxitem.h>
#include <dcmtk/dcmjpeg/djdecode.h>
#include <dcmtk/dcmjpls/djdecode.h>
#include <dcmtk/oflog/appender.h>
#include <dcmtk/oflog/logger.h>
#include <dcmtk/oflog/oflog.h>
#include <dcmtk/oflog/spi/logevent.h>

namespace
{

// ---- what decoders only mumble ----

// The JPEG decoders go on behind damage with pixels of their own making and a line in the log: it is heard
// here. Decoding and its log happen in one thread.
thread_local bool jpeg_is_damaged;

class damage_listener : public dcmtk::log4cplus::Appender
{
public:
    ~damage_listener() override { destructorImpl(); }
    void close() override {}

protected:
    void append(const dcmtk::log4cplus::spi::InternalLoggingEvent &event) override
    {
        const auto &message = event.getMessage();
        bool spare =
            message.find("extraneous bytes") != OFString_npos; // between whole segments: nothing is lost
        if (!spare && (message.find("Corrupt JPEG data") == 0 || message.find("Premature end of JPEG") == 0))
            jpeg_is_damaged = true;
    }
};

OFLogger jpeg_log()
{
    return OFLog::getLogger("dcmtk.dcmjpeg");
}

void listen()
{
    OFLog::configure(OFLogger::OFF_LOG_LEVEL);
    OFLogger log = jpeg_log();
    log.removeAllAppenders();
    log.setAdditivity(false);
    log.setLogLevel(OFLogger::WARN_LOG_LEVEL);
    log.addAppender(dcmtk::log4cplus::SharedAppenderPtr(new damage_listener));
}

// ---- opening ----

// A number of the top level; SLR_DCM_ABSENT when there is none, SLR_DCM_ABSENT - 1 when it is no whole
// number.
int64_t header_number(const slr_dcm *dcm, const char *path)
{
    double value = 0;
    long count = slr_dcm_doubles(dcm, path, &value, 1);
    if (count == SLR_DCM_ABSENT || count == 0)
        return SLR_DCM_ABSENT;
    if (count < 0 || !(value >= -2147483648.0 && value <= 4294967295.0) ||
        value != static_cast<double>(static_cast<int64_t>(value)))
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

// What the meta header says; empty when there is none.
OFString stated_syntax(slr_dcm *dcm)
{
    OFString uid;
    DcmMetaInfo *meta = dcm->file.getMetaInfo();
    if (!meta || meta->findAndGetOFString(DCM_TransferSyntaxUID, uid).bad())
        uid.clear();
    return uid;
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
    OFString uid = stated_syntax(dcm); // DCMTK guesses where it does not know it: that is not good enough
    if (uid.empty())
        uid = DcmXfer(dcm->syntax).getXferID();
    snprintf(header->transfer_syntax, sizeof header->transfer_syntax, "%s", uid.c_str());
    header->has_float_pixels =
        dcm->dataset->tagExists(DCM_FloatPixelData) || dcm->dataset->tagExists(DCM_DoubleFloatPixelData);
    if (dcm->dataset->findAndGetElement(DCM_PixelData, element).bad() || !element ||
        element->ident() != EVR_PixelData)
        return;
    header->has_pixels = true;
    dcm->pixels = static_cast<DcmPixelData *>(element);
    E_TransferSyntax syntax = EXS_Unknown;
    dcm->pixels->getOriginalRepresentationKey(syntax, dcm->parameter);
    bool fragments = dcm->pixels->getEncapsulatedRepresentation(syntax, dcm->parameter, dcm->sequence).good();
    header->encapsulated = fragments || dcm->pixels->getLengthField() == DCM_UndefinedLength;
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

// A failed load: "premature end" is seldom what went wrong.
selora_status explain_load(slr_dcm *dcm, const char *path, const OFCondition &loaded, slr_error *err)
{
    OFString uid = stated_syntax(dcm);
    const slr_dcm_syntax *syntax = slr_dcm_find_syntax(uid.c_str());
    char text[SLR_DCM_REFUSAL];
    if (!uid.empty() && (!syntax || syntax->coding == SLR_DCM_UNDECODED)) {
        slr_dcm_refuse_syntax(uid.c_str(), text, sizeof text);
        return slr_fail(err, SELORA_BAD_INPUT, "%s", text);
    }
    uint8_t head[SLR_DCM_FILE_HEAD];
    size_t size = 0;
    if (FILE *file = fopen(path, "rbe")) {
        size = fread(head, 1, sizeof head, file);
        fclose(file);
    }
    const char *written = slr_dcm_data_encoding(head, size);
    if (syntax && written && strcmp(written, slr_dcm_syntax_encoding(syntax)) != 0)
        return slr_fail(err, SELORA_BAD_INPUT,
                        "(0002,0010) Transfer Syntax UID: found %s, but the data set begins as %s: the file "
                        "contradicts itself",
                        syntax->name, written);
    return slr_fail(err, SELORA_BAD_INPUT, "the DICOM object is cut or damaged: %s", loaded.text());
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
                    offsets.push_back(static_cast<uint32_t>(bytes[i]) |
                                      static_cast<uint32_t>(bytes[i + 1]) << 8 |
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
    SLR_TRY(slr_dcm_find_frames(dcm->coding, fragments.data(), fragments.size(), offsets.data(),
                                offsets.size(), dcm->desc.frames, first.data(), err));
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
    put = put.good() ? shape.putAndInsertUint16(DCM_BitsAllocated, static_cast<Uint16>(desc.bits_allocated))
                     : put;
    put = put.good() ? shape.putAndInsertUint16(DCM_BitsStored, static_cast<Uint16>(desc.bits_stored)) : put;
    put = put.good() ? shape.putAndInsertUint16(DCM_HighBit, static_cast<Uint16>(desc.high_bit)) : put;
    return put.good() ? shape.putAndInsertUint16(DCM_PixelRepresentation, desc.is_signed ? 1 : 0) : put;
}

// JPEG and JPEG-LS: one frame as a sequence of its own, so that a damaged stream cannot eat the next frame.
selora_status decode_jpeg(slr_dcm *dcm, const std::vector<Uint8> &stream, uint8_t *out, size_t bytes,
                          char *model, slr_error *err)
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
    jpeg_is_damaged = false;
    if (done.good())
        done = DcmCodecList::decodeFrame(DcmXfer(dcm->syntax), dcm->parameter, &sequence, &shape, 0, fragment,
                                         aside ? narrow.data() : out, static_cast<Uint32>(bytes + bytes % 2),
                                         colours);
    if (done.bad())
        return refuse_damaged("the JPEG stream is damaged or cut", done, err);
    if (jpeg_is_damaged)
        return slr_fail(err, SELORA_BAD_INPUT,
                        "(7FE0,0010) Pixel Data: the JPEG stream is damaged: its codes make no sense");
    for (size_t i = 0; widen && i < bytes; i++) {
        Uint16 word = narrow[i];
        memcpy(out + 2 * i, &word, sizeof word);
    }
    if (aside && !widen)
        memcpy(out, narrow.data(), bytes);
    snprintf(model, SLR_DCM_MODEL, "%s", colours.c_str());
    return SELORA_OK;
}

selora_status decode_compressed(slr_dcm *dcm, uint32_t frame, uint8_t *out, size_t bytes, char *model,
                                slr_error *err)
{
    std::vector<Uint8> stream;
    SLR_TRY(join_fragments(dcm, frame, stream, err));
    snprintf(model, SLR_DCM_MODEL, "%s", dcm->desc.photometric);
    if (dcm->coding == SLR_DCM_RLE)
        return slr_rle_decode(stream.data(), stream.size(), &dcm->desc, out, err);
    if (dcm->coding == SLR_DCM_JPEG_2000)
        return slr_jpeg2000_decode(stream.data(), stream.size(), &dcm->desc, out, model,
                                   &dcm->desc.other_sign, err);
    return decode_jpeg(dcm, stream, out, bytes, model, err);
}

selora_status read_native(slr_dcm *dcm, uint32_t frame, uint8_t *out, size_t bytes, char *model,
                          slr_error *err)
{
    std::vector<Uint8> planes;
    bool planar = dcm->desc.samples == 3 && dcm->desc.planar == 1;
    if (planar)
        planes.resize(bytes);
    OFCondition got =
        dcm->pixels->getPartialValue(planar ? planes.data() : out, static_cast<Uint32>(frame * bytes),
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

bool slr_dcm_is_built(void)
{
    return true;
}

/* Gives the registrations back when the process ends, for jobs that other threads may follow until then. */
namespace {
struct last_shutdown {
    ~last_shutdown() { slr_dcm_shutdown(); }
};
}

selora_status slr_dcm_init(slr_error *err)
{
    return guarded(err, [&] {
        static const last_shutdown at_exit;
        listen();
        dcmEnableUnknownVRConversion.set(OFTrue); // known tags written as UN are read as what they are
        if (!dcmDataDict.isDictionaryLoaded() || DcmTag(DCM_Rows).getEVR() != EVR_US ||
            DcmTag(DCM_PixelData).getEVR() == EVR_UN)
            return slr_fail(
                err, SELORA_NO_RESOURCE,
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
        jpeg_log().removeAllAppenders();
        return SELORA_OK;
    });
}

selora_status slr_dcm_open(const char *path, slr_dcm **result, slr_error *err)
{
    *result = nullptr;
    return guarded(err, [&] {
        SLR_TRY(check_plain_file(path, err));
        auto dcm = std::make_unique<slr_dcm>();
        OFCondition loaded = dcm->file.loadFile(OFFilename(path), EXS_Unknown, EGL_noChange,
                                                DCM_MaxReadLength, ERM_autoDetect);
        if (loaded.bad())
            return explain_load(dcm.get(), path, loaded, err);
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
            return slr_fail(err, SELORA_BAD_INPUT,
                            "(0028,0008) Number of Frames: found %u, wanted was frame %u",
                            static_cast<unsigned>(dcm->desc.frames), static_cast<unsigned>(frame));
        auto *pixels = static_cast<uint8_t *>(out);
        return dcm->coding == SLR_DCM_NATIVE ? read_native(dcm, frame, pixels, bytes, model, err)
                                             : decode_compressed(dcm, frame, pixels, bytes, model, err);
    });
}
