/* SPDX-License-Identifier: MIT
 *
 * The person at the terminal: notes and warnings on stderr, a progress bar where stderr is a terminal and plain lines
 * where it is a file, Ctrl-C and SIGTERM as a polite request to stop.
 */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

#include "selora.h"

typedef struct cli_terminal {
    int quiet;       /* warnings only */
    int is_terminal;
    int bar_width;   /* columns of the bar on the screen now, 0: none */
    double shown_at; /* seconds of the task at the last plain line */
    char task[64];
} cli_terminal;

/* Hooks that speak to `terminal`; installs the signal handlers. A second Ctrl-C ends the program at once. */
selora_hooks cli_terminal_hooks(cli_terminal *terminal, int quiet);
/* Takes the bar off the screen, so that other output starts on a clean line. */
void cli_terminal_clear(cli_terminal *terminal);

#endif
