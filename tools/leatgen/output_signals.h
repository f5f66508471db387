/* SPDX-License-Identifier: MIT */
#ifndef LEATGEN_OUTPUT_SIGNALS_H
#define LEATGEN_OUTPUT_SIGNALS_H

/* The signals that end a program by a person's wish, or a limit's, are held back while files are half of the way. */

#include <signal.h>
#include <stdbool.h>

struct held_signals {
        sigset_t mask;
        struct sigaction too_large;
};

void hold_signals(struct held_signals *ret_before);
bool is_interrupted(void);
void release_signals(const struct held_signals *before); /* one that came meanwhile comes now */

#endif
