/* SPDX-License-Identifier: MIT
 * selora_report(): the page about runs. */
#include "api/context.h"
#include "report/run_report.h"

selora_status selora_report(selora_context *context, const selora_report_options *options)
{
    size_t count;
    const selora_option *list = selora_report_option_list(&count);
    SLR_TRY(selora_options_check(context, list, count, options));
    slr_error *err = slr_context_begin(context);
    if (!options->runs || options->run_count < 1)
        return slr_fail(err, SELORA_USAGE, "report: expected the folder of a run, or several");
    slr_report_settings settings = {.title = options->title, .picture = options->picture,
                                    .picture_caption = options->picture_caption};
    settings.list = selora_train_option_list(&settings.list_count);
    return slr_run_report_write(options->runs, options->run_count, &settings, options->out, err);
}
