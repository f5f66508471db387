/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TRANSPORT_WINDOW_H
#define LEAT_TRANSPORT_WINDOW_H

/*
 * What one sender's numbers tell of datagrams that were lost, doubled, or overtaken (docs/design/network.md, section
 * 3).
 *
 * The highest number that came and a bit for each of the WINDOW_BITS up to it, in a ring of words, as RFC 6479 keeps replays out; so
 * many, since one datagram may carry many messages, and is overtaken with all of them. A number that
 * rises by more than WINDOW_JUMP may be forged: its message is delivered, but the window follows only when its
 * successor came too (as RFC 3550, A.1, does it); and one that rises by more than WINDOW_GAP counts nothing as lost, for whoever
 * sends may say any number. A lower number with a newer time is another program at the same address, and begins anew. Pure.
 */

#include <stdbool.h>
#include <stdint.h>

#define WINDOW_BITS 960
#define WINDOW_WORDS (WINDOW_BITS / 64 + 1) /* one more: that of the highest is full in part */
#define WINDOW_JUMP 65536
#define WINDOW_GAP (UINT64_C(1) << 32) /* what rises by more, nobody has lost: the sum of all losses stays a number */

struct window {
        uint64_t highest; /* 0: nothing came yet */
        uint64_t first;   /* what went before it was not for us: none of it counts as lost */
        uint64_t seen
                [WINDOW_WORDS]; /* a bit for each number: it came. What is older than WINDOW_BITS is not looked at */
        uint64_t jumped;        /* a number far ahead that came and is not believed yet; 0: none */
        int64_t time_ns;        /* of the highest */
};

struct window_counts {
        uint64_t lost;    /* numbers that were left out, and did not come late */
        uint64_t late;    /* came after a higher one, and was delivered */
        uint64_t doubled; /* came before, or so late that this cannot be told: dropped */
};

/* A message with this number (from 1) and time came. Is it to be delivered? */
bool window_take(struct window *window, uint64_t sequence, int64_t time_ns, struct window_counts *counts);

#endif
