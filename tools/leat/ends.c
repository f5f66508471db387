/* SPDX-License-Identifier: MIT */
#include "tools/leat/ends.h"

#include "tools/leat/holder.h"
#include "tools/leat/progress.h"

#include <errno.h>
#include <stdio.h>
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

int descriptors_grant(struct leat_command *command) {
        return asked.rlim_cur ? leat_command_limit(command, RLIMIT_NOFILE, granted.rlim_cur, granted.rlim_max) : 0;
}

/* With port 0 the kernel chose one: senders are to know it. */
static void tell_chosen(const char *address, struct leat_channel *channel) {
        char chosen[LEAT_ADDRESS_BYTES];
        size_t length = strcspn(address, "?");
        if (length >= 2 && memcmp(address + length - 2, ":0", 2) == 0 &&
            leat_channel_address(channel, chosen, sizeof(chosen)) > 0)
                complain(address, "listening on %s", chosen);
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
        if (r == 0) {
                tell_chosen(address, *ret_channel);
                return DONE;
        }
        int code = report(address, r, sends ? OPENING_TO_SEND : OPENING, &reason);
        if (r == -EADDRINUSE)
                holder_tell(address);
        return code;
}

bool scheme_is_shared(const char *scheme, size_t length) {
        const struct leat_declaration *declaration;
        for (size_t n = 0; (declaration = leat_declaration_at(n)); n++)
                if (strlen(declaration->scheme) == length && memcmp(declaration->scheme, scheme, length) == 0)
                        return strcmp(declaration->parties, "n:m") == 0; /* the first tells of its default */
        return false;
}

bool address_has(const char *address, const char *option) {
        size_t length = strlen(option);
        for (const char *at = strchr(address, '?'); at && *at; at += strcspn(at, "&"))
                if (strcspn(++at, "&") == length && memcmp(at, option, length) == 0)
                        return true;
        return false;
}

int end_open_existing(const char *address, int64_t deadline, struct leat_channel **ret_channel) {
        struct leat_open_options options = { sizeof(options), LEAT_RECEIVE, deadline };
        struct leat_reason reason = { 0 };
        FREE_AT_EXIT char *existing = NULL;
        bool shared = scheme_is_shared(address, strcspn(address, ":"));
        bool said = address_has(address, "open") || address_has(address, "create") || address_has(address, "new");
        if (shared && !said && asprintf(&existing, "%s%copen", address, strchr(address, '?') ? '&' : '?') < 0) {
                existing = NULL;
                return report(address, -ENOMEM, DRAINING, NULL);
        }
        descriptors_raise();
        int r = leat_open_with(existing ? existing : address, &options, &reason, ret_channel);
        /* Of what is not there the reason tells how to make it. */
        return r < 0 ? report(address, r, DRAINING, shared && r == -ENOENT ? NULL : &reason) : DONE;
}

/* What raises the largest message, where it is not ?size= at both ends. */
static const struct {
        const char *scheme;
        const char *advice;
} raising[] = {
        { "fifo", "open both ends with ?exclusive" },
        { "mq", "make the queue anew with a larger ?size=, up to fs.mqueue.msgsize_max" },
        { "sysv-mq", "raise the queue's capacity ('leat set') or kernel.msgmax" },
};

int end_too_large(const char *about, struct leat_channel *channel) {
        const char *advice = "open both ends with a larger ?size=";
        struct leat_info info = LEAT_INFO_INIT;
        if (leat_channel_info(channel, &info) == 0)
                for (size_t i = 0; i < sizeof(raising) / sizeof(raising[0]); i++)
                        if (strcmp(raising[i].scheme, info.declaration->scheme) == 0)
                                advice = raising[i].advice;
        complain(about, "it is larger than the largest message here, %zu bytes; %s", end_largest(channel), advice);
        return SYSTEM_REFUSED;
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
        const char *scheme = info.declaration->scheme;
        return !scheme_is_shared(scheme, strlen(scheme)) && (!info.owner.known || info.owner.pid != getpid());
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
        const char *why = error == -EBADMSG ? "it broke the protocol (are its scheme, ?framing= and ?size= as here?)"
                                            : "it speaks another version of the protocol";
        if (cut_off && about->sender.known && about->sender.pid > 0)
                complain(address, "process %d was cut off: %s; the others go on", (int)about->sender.pid, why);
        else if (cut_off)
                complain(address, "a peer was cut off: %s; the others go on", why);
        else if (go_on)
                complain(address, "no descriptor is left for a further sender; raise ulimit -n");
        *previous = error;
        return go_on;
}
