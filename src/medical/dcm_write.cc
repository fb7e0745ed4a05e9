// SPDX-License-Identifier: MIT
// Secondary Capture objects for pictures that were drawn (PS3.3 A.8.1): every text says so, and no value
// comes from a file.
#include <sys/random.h>

#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "medical/dcm_handle.h"

#include <dcmtk/dcmdata/dcostrmb.h>

extern "C" {
#include "io/atomic_file.h"
#include "medical/dcm_write.h"
}

namespace
{

enum { MAX_SIDE = 65535, MAX_RUN_ID = 40, MAX_DERIVATION = 1024, MAX_PROMPT = 8000, HEADER_ROOM = 65536 };

bool is_code(const char *text)
{
    size_t length = strlen(text);
    return length > 0 && length <= 16 && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == length;
}

bool is_identifier(const char *text)
{
    size_t length = strlen(text);
    return length > 0 && length <= MAX_RUN_ID &&
           strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") == length;
}

// One line of at most `most` bytes, cut between the characters of UTF-8, without control characters.
std::string one_line(const char *text, size_t most)
{
    std::string line(text);
    if (line.size() > most) {
        while (most > 0 && (static_cast<unsigned char>(line[most]) & 0xC0) == 0x80)
            most--;
        line.resize(most);
    }
    for (char &c : line)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
            c = ' ';
    return line;
}

selora_status check(const slr_image *image, const slr_dcm_synthetic *about, slr_error *err)
{
    if (about->bits != 8 && about->bits != 16)
        return slr_fail(err, SELORA_USAGE, "DICOM output: found %d bits, expected 8 or 16", about->bits);
    if (about->modality && !is_code(about->modality))
        return slr_fail(
            err, SELORA_USAGE,
            "DICOM output: the modality must be a code of at most 16 capitals, such as OT, CR or MR");
    if (!about->run_id || !is_identifier(about->run_id) || !about->study_uid || !about->series_uid)
        return slr_fail(
            err, SELORA_USAGE,
            "DICOM output: expected a run id of at most %d letters and digits, a study and a series UID",
            static_cast<int>(MAX_RUN_ID));
    if (image->width < 1 || image->height < 1 || image->width > MAX_SIDE || image->height > MAX_SIDE)
        return slr_fail(err, SELORA_USAGE, "DICOM output: a picture of %d x %d, expected at most %d x %d",
                        image->width, image->height, static_cast<int>(MAX_SIDE), static_cast<int>(MAX_SIDE));
    return SELORA_OK;
}

// Clamped and rounded as a PNG of these bits would be; colours become their luma.
uint16_t level_of(const float *pixel, int channels, float most)
{
    float value = channels == 1 ? pixel[0] : 0.299f * pixel[0] + 0.587f * pixel[1] + 0.114f * pixel[2];
    value = value > 0 ? (value < 1 ? value : 1) : 0; // not a number becomes 0
    return static_cast<uint16_t>(value * most + 0.5f);
}

OFCondition put_pixels(DcmDataset *set, const slr_image *image, int bits)
{
    size_t count = static_cast<size_t>(image->width) * static_cast<size_t>(image->height);
    std::vector<Uint8> bytes;
    std::vector<Uint16> words;
    for (size_t i = 0; i < count; i++) {
        uint16_t level = level_of(image->pixels + i * static_cast<size_t>(image->channels), image->channels,
                                  bits == 8 ? 255.0f : 65535.0f);
        if (bits == 8)
            bytes.push_back(static_cast<Uint8>(level));
        else
            words.push_back(level);
    }
    if (bits == 16)
        return set->putAndInsertUint16Array(DCM_PixelData, words.data(), words.size());
    if (count % 2 != 0)
        bytes.push_back(0);
    return set->putAndInsertUint8Array(DCM_PixelData, bytes.data(), bytes.size());
}

// Collects the first failure.
class filler
{
public:
    explicit filler(DcmDataset *data_set) : set(data_set) {}
    void text(const DcmTag &tag, const char *value)
    {
        if (result.good())
            result = set->putAndInsertString(tag, value);
    }
    void empty(const DcmTag &tag)
    {
        if (result.good())
            result = set->insertEmptyElement(tag);
    }
    void number(const DcmTag &tag, int value)
    {
        if (result.good())
            result = set->putAndInsertUint16(tag, static_cast<Uint16>(value));
    }
    void take(OFCondition condition)
    {
        if (result.good())
            result = condition;
    }
    DcmDataset *set;
    OFCondition result = EC_Normal;
};

void put_patient_and_study(filler &fill, const slr_dcm_synthetic *about)
{
    std::string patient = std::string("SYNTHETIC-") + about->run_id;
    fill.text(DCM_PatientName, "SYNTHETIC^SELORA");
    fill.text(DCM_PatientID, patient.c_str());
    fill.empty(DCM_PatientBirthDate);
    fill.empty(DCM_PatientSex);
    fill.text(DCM_StudyInstanceUID, about->study_uid);
    fill.empty(DCM_StudyDate);
    fill.empty(DCM_StudyTime);
    fill.empty(DCM_ReferringPhysicianName);
    fill.empty(DCM_StudyID);
    fill.empty(DCM_AccessionNumber);
    fill.text(DCM_SeriesInstanceUID, about->series_uid);
    fill.text(DCM_SeriesNumber, "1");
    fill.text(DCM_SeriesDescription, "SYNTHETIC - not a patient image");
    fill.text(DCM_Modality, about->modality ? about->modality : "OT");
    fill.empty(DCM_Laterality);
}

void put_origin(filler &fill, const slr_dcm_synthetic *about)
{
    std::string comment = "SYNTHETIC IMAGE generated by selora. Not for diagnosis.";
    if (about->prompt)
        comment += " Prompt: " + one_line(about->prompt, MAX_PROMPT);
    fill.text(DCM_SpecificCharacterSet, "ISO_IR 192");
    fill.text(DCM_ImageType, "DERIVED\\SECONDARY");
    fill.text(DcmTag(0x0008, 0x001C, DcmVR(EVR_CS)),
              "YES"); // Synthetic Data, younger than DCMTK's dictionary
    fill.text(DCM_ConversionType, "SYN");
    fill.text(DCM_ImageComments, comment.c_str());
    fill.text(DCM_Manufacturer, "selora");
    fill.text(DCM_ManufacturerModelName, "selora");
    fill.text(DCM_SecondaryCaptureDeviceManufacturer, "selora");
    fill.text(DCM_SecondaryCaptureDeviceManufacturerModelName, "selora");
    fill.text(DCM_SecondaryCaptureDeviceSoftwareVersions, SELORA_VERSION);
    fill.text(DCM_BurnedInAnnotation, about->burned_in ? "YES" : "NO");
    if (about->derivation)
        fill.text(DCM_DerivationDescription, one_line(about->derivation, MAX_DERIVATION).c_str());
}

void put_picture(filler &fill, const slr_image *image, const slr_dcm_synthetic *about)
{
    char number[16];
    snprintf(number, sizeof number, "%d", about->instance);
    fill.text(DCM_InstanceNumber, number);
    fill.empty(DCM_PatientOrientation);
    fill.number(DCM_SamplesPerPixel, 1);
    fill.text(DCM_PhotometricInterpretation, "MONOCHROME2");
    fill.number(DCM_Rows, image->height);
    fill.number(DCM_Columns, image->width);
    fill.number(DCM_BitsAllocated, about->bits);
    fill.number(DCM_BitsStored, about->bits);
    fill.number(DCM_HighBit, about->bits - 1);
    fill.number(DCM_PixelRepresentation, 0);
    fill.text(DCM_RescaleIntercept, "0");
    fill.text(DCM_RescaleSlope, "1");
    fill.text(DCM_RescaleType, "US");
    fill.take(put_pixels(fill.set, image, about->bits));
}

// The whole file in memory.
OFCondition serialise(DcmFileFormat &file, std::vector<char> &out)
{
    DcmOutputBufferStream stream(out.data(), static_cast<offile_off_t>(out.size()));
    file.transferInit();
    OFCondition written = file.write(stream, EXS_LittleEndianExplicit, EET_ExplicitLength, nullptr,
                                     EGL_recalcGL, EPD_withoutPadding);
    file.transferEnd();
    void *data = nullptr;
    offile_off_t length = 0;
    stream.flushBuffer(data, length);
    if (written.good())
        out.resize(static_cast<size_t>(length));
    return written;
}

} // namespace

selora_status slr_dcm_new_uid(char uid[SLR_DCM_UID], slr_error *err)
{
    uint8_t bytes[16];
    char digits[40], *at = digits + sizeof digits;
    if (getrandom(bytes, sizeof bytes, 0) != static_cast<ssize_t>(sizeof bytes))
        return slr_fail(err, SELORA_NO_RESOURCE, "no random number for a DICOM UID: %s", strerror(errno));
    *--at = '\0';
    bool left = true;
    while (left) { // long division by ten, the highest byte first
        unsigned remainder = 0;
        left = false;
        for (uint8_t &byte : bytes) {
            unsigned value = remainder << 8 | byte;
            byte = static_cast<uint8_t>(value / 10);
            remainder = value % 10;
            left = left || byte != 0;
        }
        *--at = static_cast<char>('0' + remainder);
    }
    snprintf(uid, SLR_DCM_UID, "2.25.%s", at);
    return SELORA_OK;
}

selora_status slr_dcm_write_synthetic(const char *path, const slr_image *image,
                                      const slr_dcm_synthetic *about, slr_error *err)
{
    return guarded(err, [&] {
        char uid[SLR_DCM_UID];
        SLR_TRY(check(image, about, err));
        SLR_TRY(slr_dcm_new_uid(uid, err));
        DcmFileFormat file;
        filler fill(file.getDataset());
        fill.text(DCM_SOPClassUID, UID_SecondaryCaptureImageStorage);
        fill.text(DCM_SOPInstanceUID, uid);
        put_patient_and_study(fill, about);
        put_origin(fill, about);
        put_picture(fill, image, about);
        std::vector<char> bytes(static_cast<size_t>(image->width) * static_cast<size_t>(image->height) *
                                    static_cast<size_t>(about->bits / 8) +
                                HEADER_ROOM);
        if (fill.result.good())
            fill.take(serialise(file, bytes));
        if (fill.result.bad())
            return slr_fail(err, SELORA_NO_RESOURCE, "%s: the DICOM object cannot be made: %s", path,
                            fill.result.text());
        return slr_atomic_write(path, 0644, bytes.data(), bytes.size(), err);
    });
}
