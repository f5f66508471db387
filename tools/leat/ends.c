/* SPDX-License-Identifier: MIT */
#include "tools/leat/ends.h"

#include "tools/leat/progress.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static struct rlimit granted, asked; /* RLIMIT_NOFILE at the start, and with all that is allowed */

void descriptors_raise(void) {
        if (asked.rlim_cur == 0) {
                if (getrlimit(RLIMIT_NOFILE, &granted) < 0)
                        return;
                asked = (struct rlimit){ granted.rlim_max, granted.rlim_max };
        }
        (void)setrlimit(RLIMIT_NOFILE, &asked); /* refused: then it stays as it was */
}

void descriptors_lower(void) {
        if (asked.rlim_cur)
                (void)setrlimit(RLIMIT_NOFILE, &granted);
}

int end_open(const char *address, unsigned flags, int64_t deadline, struct leat_channel **ret_channel) {
        struct leat_open_options options = LEAT_OPEN_OPTIONS_INIT;
        struct leat_reason reason = { 0 };
        bool sends = flags & (LEAT_SEND | LEAT_CALL);
        if (!sends)
                descriptors_raise();
        options.flags = flags;
        options.deadline = deadline;
        progress_begin(sends ? "waiting for a receiver" : "waiting for a sender");
        int r = leat_open_with(address, &options, &reason, ret_channel);
        return r < 0 ? report(address, r, sends ? OPENING_TO_SEND : OPENING, &reason) : DONE;
}

size_t end_largest(struct leat_channel *channel) {
        struct leat_info info = LEAT_INFO_INIT;
        bool known = leat_channel_info(channel, &info) == 0 && info.largest_bytes < SIZE_MAX;
        return known ? (size_t)info.largest_bytes : (size_t)16 << 20;
}

bool end_is_final(struct leat_channel *channel) {
        struct leat_info info = LEAT_INFO_INIT;
        if (leat_channel_info(channel, &info) < 0)
                return true;
        return !info.owner.known || info.owner.pid != getpid();
}

int space_grow(struct space *space, size_t least) {
        size_t size = space->size ? 2 * space->size : 65536;
        size = size < least ? least : size;
        char *bytes = realloc(space->bytes, size);
        if (!bytes)
                return -ENOMEM;
        space->bytes = bytes;
        space->size = size;
        return 0;
}

ssize_t end_receive(struct leat_channel *channel, struct space *space, const struct leat_receive_options *options,
                    struct leat_message *ret_about) {
        for (;;) {
                *ret_about = (struct leat_message)LEAT_MESSAGE_INIT;
                ssize_t n = leat_receive_with(channel, space->bytes, space->size, options, ret_about);
                if (n != -EMSGSIZE || ret_about->size_bytes <= space->size)
                        return n;
                int r = space_grow(space, ret_about->size_bytes);
                if (r < 0)
                        return r;
        }
}

bool end_goes_on(const char *address, struct leat_channel *channel, int error, const struct leat_message *about,
                 int *previous) {
        bool cut_off = (error == -EBADMSG || error == -EPROTONOSUPPORT) && !end_is_final(channel);
        bool go_on = cut_off || (error == -EMFILE && *previous != error);
        if (cut_off && about->sender.known)
                complain(address, "process %d: %s; the others go on", (int)about->sender.pid, leat_strerror(error));
        else if (cut_off)
                complain(address, "a peer: %s; the others go on", leat_strerror(error));
        else if (go_on)
                complain(address, "no descriptor is left for a further sender; raise ulimit -n");
        *previous = error;
        return go_on;
}
