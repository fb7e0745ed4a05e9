/* SPDX-License-Identifier: MIT
 *
 * How other tools apply an adapter as it is stored: who mixes up its scales, who does not find its
 * layers, and what mends it. Facts of docs/formats.md.
 *
 *     slr_tool_verdict verdicts[SLR_TOOLS];
 *     slr_adapter_tools(&pairs, verdicts);
 */
#ifndef SLR_ADAPTER_TOOLS_H
#define SLR_ADAPTER_TOOLS_H

#include "adapters/pairs.h"

enum { SLR_TOOLS = 8 };

typedef struct slr_tool_verdict {
    const char *tool;
    char result[240];    /* "ok", or what goes wrong */
    const char *convert; /* --to FORMAT that mends it; NULL where nothing has to be mended */
} slr_tool_verdict;

void slr_adapter_tools(const slr_pairs *pairs, slr_tool_verdict verdicts[SLR_TOOLS]);

#endif
