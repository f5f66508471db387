/* SPDX-License-Identifier: MIT */
#include "channel/burst.h"

#include "channel/send.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct burst {
        bool begun;
        int count;
        size_t used; /* of `bytes` */
        struct leat_outgoing
                messages[TOGETHER_MAX]; /* the last place is for one that is not gathered, but goes with these */
        uint8_t bytes[TOGETHER_BYTES];
};

bool burst_goes_on(const struct burst *burst) {
        return burst->begun;
}

/* The first ones are out; or the last one, which is not gathered, is the caller's again. */
static void forget(struct burst *burst, int count) {
        burst->count -= count;
        if (burst->count == 0)
                burst->used = 0;
}

static void forget_first(struct burst *burst, int count) {
        forget(burst, count);
        memmove(burst->messages, burst->messages + count, (size_t)burst->count * sizeof(burst->messages[0]));
}

int burst_flush(struct leat_channel *channel, int64_t deadline) {
        struct burst *burst = channel->burst;
        while (burst && burst->count > 0) {
                int r = channel_send_some(channel, burst->messages, burst->count, deadline);
                if (r < 0)
                        return r;
                forget_first(burst, r);
        }
        return 0;
}

/* It goes with those that were gathered, from where it is. */
static int send_last(struct leat_channel *channel, struct burst *burst, const struct leat_outgoing *message,
                     int64_t deadline) {
        burst->messages[burst->count++] = *message;
        while (burst->count > 0) {
                int r = channel_send_some(channel, burst->messages, burst->count, deadline);
                if (r < 0) {
                        forget(burst, 1);
                        return r;
                }
                forget_first(burst, r);
        }
        return 0;
}

static bool has_room(const struct burst *burst, size_t size) {
        return burst->count < TOGETHER_MAX - 1 && TOGETHER_BYTES - burst->used >= size;
}

static void gather(struct burst *burst, const struct leat_outgoing *message) {
        struct leat_outgoing *place = &burst->messages[burst->count++];
        *place = *message;
        place->bytes = burst->bytes + burst->used;
        if (message->size_bytes > 0)
                memcpy(burst->bytes + burst->used, message->bytes, message->size_bytes);
        burst->used += message->size_bytes;
}

int burst_send(struct leat_channel *channel, const struct leat_outgoing *message, bool more, int64_t deadline) {
        if (!channel->burst && more)
                channel->burst = calloc(1, sizeof(struct burst));
        struct burst *burst = channel->burst;
        if (!burst) { /* without memory it goes by itself, which is right too */
                int r = channel_send_some(channel, message, 1, deadline);
                return r < 0 ? r : 0;
        }
        if (!burst->begun || !more) {
                int r = send_last(channel, burst, message, deadline);
                burst->begun = r == 0 ? more : burst->count > 0; /* what is still gathered goes before anything else */
                return r;
        }
        if (!has_room(burst, message->size_bytes)) {
                int r = burst_flush(channel, deadline);
                if (r < 0)
                        return r;
        }
        gather(burst, message);
        return 0;
}
