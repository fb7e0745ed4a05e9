// SPDX-License-Identifier: MIT
//
// What the C++ files of this room share: the open object, and the fence that no exception passes.
#ifndef SLR_DCM_HANDLE_H
#define SLR_DCM_HANDLE_H

#include <cstdint>
#include <new>
#include <vector>

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>
#include <dcmtk/dcmdata/dcfcache.h>
#include <dcmtk/dcmdata/dcpixel.h>

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
    DcmFileCache cache;        // keeps the file open between frames
    std::vector<Uint32> first; // fragment with which each frame begins; empty until a frame is wanted
};

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

#endif
