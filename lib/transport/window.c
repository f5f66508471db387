/* SPDX-License-Identifier: MIT */
#include "transport/window.h"

static void begin(struct window *window, uint64_t sequence, int64_t time_ns) {
        *window = (struct window){ .highest = sequence, .first = sequence, .seen = 1, .time_ns = time_ns };
}

/* A higher one: what lies between is missing, until it comes. */
static void advance(struct window *window, uint64_t sequence, int64_t time_ns, struct window_counts *counts) {
        uint64_t step = sequence - window->highest;
        counts->lost += step - 1;
        window->seen = step < WINDOW_BITS ? window->seen << step | 1 : 1;
        window->highest = sequence;
        window->time_ns = time_ns;
        window->jumped = 0;
}

/* Far ahead. One may be forged, or bent on its way; two in a row are the sender's. */
static bool jump(struct window *window, uint64_t sequence, int64_t time_ns, struct window_counts *counts) {
        if (window->jumped != 0 && sequence == window->jumped + 1) {
                if (sequence - window->highest > WINDOW_GAP)
                        begin(window, sequence - 1, time_ns);
                advance(window, sequence, time_ns, counts);
                counts->lost -= window->first < sequence - 1; /* the one before it came */
                window->seen |= 2;
                return true;
        }
        if (sequence == window->jumped) {
                counts->doubled++;
                return false;
        }
        window->jumped = sequence;
        return true;
}

static bool take_older(struct window *window, uint64_t sequence, struct window_counts *counts) {
        uint64_t age = window->highest - sequence;
        if (age >= WINDOW_BITS || (window->seen & UINT64_C(1) << age)) {
                counts->doubled++;
                return false;
        }
        window->seen |= UINT64_C(1) << age;
        counts->late++;
        counts->lost -= sequence > window->first;
        return true;
}

bool window_take(struct window *window, uint64_t sequence, int64_t time_ns, struct window_counts *counts) {
        bool anew = window->highest == 0 || (sequence <= window->highest && time_ns > window->time_ns);
        if (anew) {
                begin(window, sequence, time_ns);
                return true;
        }
        if (sequence <= window->highest)
                return take_older(window, sequence, counts);
        if (sequence - window->highest > WINDOW_JUMP)
                return jump(window, sequence, time_ns, counts);
        advance(window, sequence, time_ns, counts);
        return true;
}
