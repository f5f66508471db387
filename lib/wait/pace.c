/* SPDX-License-Identifier: MIT */
#include "wait/pace.h"

static void pause_was_vain(struct pace *pace) {
        pace->gap = pace->gap == 0 ? PACE_GAP_FIRST : pace->gap < PACE_GAP_MOST ? 2 * pace->gap : PACE_GAP_MOST;
        pace->vain = pace->gap;
}

bool pace_note(struct pace *pace, ssize_t n, bool paused) {
        if (n <= 0) {
                pace->streak = 0;
                return false;
        }
        if (paused && (size_t)n < 2 * pace->alone_bytes)
                pause_was_vain(pace);
        else if (paused)
                pace->gap = 0;
        else {
                pace->alone_bytes = (size_t)n;
                pace->vain -= pace->vain > 0;
        }
        if (pace->streak < PACE_AFTER)
                pace->streak++;
        return n < PACE_BYTES && pace_is_due(pace);
}
