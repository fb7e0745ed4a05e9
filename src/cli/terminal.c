/* SPDX-License-Identifier: MIT */
#include "cli/terminal.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const double plain_line_seconds = 10; /* between progress lines in a log file */
static const double redraw_seconds = 0.1;

/* The only variable that lives outside of a struct: a signal handler has nothing else to reach. */
static volatile sig_atomic_t stop_requests;

static void request_stop(int signal_number)
{
    if (++stop_requests > 1) {
        signal(signal_number, SIG_DFL);
        raise(signal_number);
    }
}

static int interrupted(void *user)
{
    (void)user;
    return stop_requests != 0;
}

void cli_terminal_clear(cli_terminal *terminal)
{
    if (terminal->bar_width > 0)
        fprintf(stderr, "\r%*s\r", terminal->bar_width, "");
    terminal->bar_width = 0;
}

static void log_line(void *user, selora_log_level level, const char *line)
{
    cli_terminal *terminal = user;
    if (level == SELORA_LOG_NOTE && terminal->quiet)
        return;
    cli_terminal_clear(terminal);
    fprintf(stderr, "%s%s\n", level == SELORA_LOG_WARNING ? "warning: " : "", line);
}

static void write_time(char *text, size_t capacity, double seconds)
{
    long s = (long)(seconds + 0.5);
    if (s >= 3600)
        snprintf(text, capacity, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(text, capacity, "%ld:%02ld", s / 60, s % 60);
}

static void write_status(char *text, size_t capacity, const selora_progress *progress)
{
    char spent[32], left[32] = "?";
    double rate = progress->seconds > 0 ? (double)progress->done / progress->seconds : 0;
    write_time(spent, sizeof spent, progress->seconds);
    if (rate > 0)
        write_time(left, sizeof left, (double)(progress->total - progress->done) / rate);
    snprintf(text, capacity, "%lld/%lld  %s, %s left, %.3g/s  %s", (long long)progress->done,
             (long long)progress->total, spent, left, rate, progress->detail);
}

static void draw_bar(cli_terminal *terminal, const selora_progress *progress)
{
    enum { CELLS = 24 };
    char cells[CELLS + 1], status[256];
    int full = progress->total > 0 ? (int)(CELLS * progress->done / progress->total) : CELLS;
    if (full > CELLS)
        full = CELLS;
    memset(cells, '.', CELLS);
    memset(cells, '#', (size_t)(full < 0 ? 0 : full));
    cells[CELLS] = 0;
    write_status(status, sizeof status, progress);
    int old_width = terminal->bar_width;
    terminal->bar_width = fprintf(stderr, "\r%s [%s] %s", progress->task, cells, status) - 1;
    if (terminal->bar_width < old_width)
        fprintf(stderr, "%*s", old_width - terminal->bar_width, "");
    fflush(stderr);
}

static void show_progress(void *user, const selora_progress *progress)
{
    cli_terminal *terminal = user;
    if (terminal->quiet)
        return;
    int is_new = strncmp(terminal->task, progress->task, sizeof terminal->task - 1) != 0;
    int is_last = progress->done >= progress->total;
    if (is_new) {
        cli_terminal_clear(terminal);
        snprintf(terminal->task, sizeof terminal->task, "%s", progress->task);
        terminal->shown_at = 0;
    }
    double pause = terminal->is_terminal ? redraw_seconds : plain_line_seconds;
    if (!is_last && !is_new && progress->seconds - terminal->shown_at < pause)
        return;
    terminal->shown_at = progress->seconds;
    if (terminal->is_terminal) {
        draw_bar(terminal, progress);
    } else {
        char status[256];
        write_status(status, sizeof status, progress);
        fprintf(stderr, "%s %s\n", progress->task, status);
    }
    if (is_last) {
        if (terminal->is_terminal)
            fputc('\n', stderr);
        terminal->bar_width = 0;
        terminal->task[0] = 0;
    }
}

selora_hooks cli_terminal_hooks(cli_terminal *terminal, int quiet)
{
    *terminal = (cli_terminal){.quiet = quiet, .is_terminal = isatty(STDERR_FILENO)};
    struct sigaction action = {.sa_handler = request_stop, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    struct sigaction hangup;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN) /* nohup */
        sigaction(SIGHUP, &action, NULL);
    return (selora_hooks){.user = terminal, .log = log_line, .progress = show_progress,
                          .interrupted = interrupted};
}
