/* SPDX-License-Identifier: MIT */
#include "transport/window.h"

/* Each number has its bit, which it shares with those that are a whole ring older or newer. */
static uint64_t *word_of(struct window *window, uint64_t sequence) {
        return &window->seen[sequence / 64 % WINDOW_WORDS];
}

static uint64_t bit_of(uint64_t sequence) {
        return UINT64_C(1) << sequence % 64;
}

/* The words behind that of the highest, up to this number's, are those of old numbers. */
static void turn(struct window *window, uint64_t sequence) {
        uint64_t from = window->highest / 64, words = sequence / 64 - from;
        for (uint64_t i = 1; i <= words && i <= WINDOW_WORDS; i++)
                window->seen[(from + i) % WINDOW_WORDS] = 0;
        window->highest = sequence;
}

static void begin(struct window *window, uint64_t sequence, int64_t time_ns) {
        *window = (struct window){ .highest = sequence, .first = sequence, .time_ns = time_ns };
        *word_of(window, sequence) = bit_of(sequence);
}

/* A higher one: what lies between is missing, until it comes. */
static void advance(struct window *window, uint64_t sequence, int64_t time_ns, struct window_counts *counts) {
        uint64_t step = sequence - window->highest;
        counts->lost += step - 1;
        turn(window, sequence);
        *word_of(window, sequence) |= bit_of(sequence);
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
                *word_of(window, sequence - 1) |= bit_of(sequence - 1);
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
        if (age >= WINDOW_BITS || (*word_of(window, sequence) & bit_of(sequence))) {
                counts->doubled++;
                return false;
        }
        *word_of(window, sequence) |= bit_of(sequence);
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
