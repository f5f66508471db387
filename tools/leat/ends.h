/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_ENDS_H
#define LEAT_TOOL_ENDS_H

/* Opening channels, and receiving from them, as the subcommands share it. */

#include "tools/leat/options.h"
#include "tools/leat/report.h"

#include "base/cleanup.h"

#include <leat/process.h>

static inline void channel_close_at(struct leat_channel **channel) {
        leat_close(*channel);
}

#define CHANNEL_AT_EXIT CLEANUP(channel_close_at)

/*
 * Open the command's first operand. Receivers get as many descriptors as the system grants: each sender takes one.
 * Returns DONE, or the exit code after saying what is wrong.
 */
int end_open(const char *address, unsigned flags, int64_t deadline, struct leat_channel **ret_channel);

/* The same to receive what is there now: queues, named pipes and logs, which opening would make, must be there. */
int end_open_existing(const char *address, int64_t deadline, struct leat_channel **ret_channel);

/* Whether an address has this option; also one with a value: "mode=0600". */
bool address_has(const char *address, const char *option);

/* As many descriptors as the system grants; and for a program that is started the limit as it was before, since some cannot stand
 * more (select(2)). Returns as leat_command_limit(). */
void descriptors_raise(void);
int descriptors_grant(struct leat_command *command);

/* The largest message that it carries. */
size_t end_largest(struct leat_channel *channel);

/* A message of `about` (an address, a file) is larger: says what is the most, and what raises it. Returns the exit code. */
int end_too_large(const char *about, struct leat_channel *channel);

/* Whether nobody listens there: many may receive, each opens it by its name, and whoever comes first makes it. */
bool scheme_is_shared(const char *scheme, size_t length);

/* Whether the end is for good: nobody else can come to this channel, as it does not listen. */
bool end_is_final(struct leat_channel *channel);

/* A place for messages of any size. */
struct space {
        char *bytes;
        size_t size;
};
#define SPACE_NONE                                                                                                     \
        { NULL, 0 }

static inline void space_free_at(struct space *space) {
        free(space->bytes);
}
#define SPACE_AT_EXIT CLEANUP(space_free_at)

/* At least this size, and at least double, so that what grows slowly is not copied each time. Returns 0 or -ENOMEM. */
int space_grow(struct space *space, size_t least);

/* Receive, in a space that grows with what comes. As leat_receive_with. */
ssize_t end_receive(struct leat_channel *channel, struct space *space, const struct leat_receive_options *options,
                    struct leat_message *ret_about);

/*
 * Whether a receive that failed may be tried again, as one peer of several was cut off; says which.
 * *previous: what this function was asked last, 0 at first: no room for a connection is told once, and an error if it
 * stays.
 */
bool end_goes_on(const char *address, struct leat_channel *channel, int error, const struct leat_message *about,
                 int *previous);

#endif
