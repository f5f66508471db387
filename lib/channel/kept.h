/* SPDX-License-Identifier: MIT */
#ifndef LEAT_CHANNEL_KEPT_H
#define LEAT_CHANNEL_KEPT_H

/*
 * Messages that the library holds: set aside by a selective receive, too large for the buffer that
 * they came to, or still being put together from frames. And the selection among them.
 */

#include "base/list.h"

#include <leat/message.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Which message is wanted. */
struct selection {
        int64_t select; /* LEAT_ANY, LEAT_TYPE, LEAT_AT_MOST */
        pid_t from_pid; /* 0: from any */
};

#define SELECT_ANY ((struct selection){ .select = LEAT_ANY })

/* Can this message be taken without looking at those behind it? Of LEAT_AT_MOST never: a lower type may
 * stand behind. */
static inline bool selection_takes(const struct selection *selection, int64_t type, const struct leat_peer *sender) {
        return (selection->select == LEAT_ANY || selection->select == type) &&
               (selection->from_pid == 0 || (sender->known && sender->pid == selection->from_pid));
}

struct kept {
        struct list node;
        struct leat_message about; /* size_bytes: how many bytes lie here */
        uint64_t link;             /* where it came from, for TAKEN and replies */
        bool is_reply;
        uint64_t reference; /* of a reply: which request */
        int *descriptors;   /* about.descriptors_count of them, ours; or NULL */
        size_t capacity_bytes;
        uint8_t bytes[];
};

/* Make one with room for so many bytes and the descriptors, which it then owns. NULL: no memory, nothing was taken. */
struct kept *kept_new(size_t capacity_bytes, const int *descriptors, size_t count);

/* Make one of a message: what is told of it, these first bytes of it, and its descriptors, as kept_new() takes them. */
struct kept *kept_copy(const struct leat_message *about, const void *bytes, size_t size, const int *descriptors,
                       size_t count);

/* Append bytes, growing it. Returns 0 or -ENOMEM, then it is as before. */
int kept_append(struct kept **kept, const void *bytes, size_t size);

/* Close its descriptors and free it. Takes NULL, returns NULL. */
struct kept *kept_free(struct kept *kept);

static inline void kept_free_at(struct kept **kept) {
        if (*kept)
                *kept = kept_free(*kept);
}

/* A list of kept messages in the order of their coming, with what they weigh. */
struct kept_list {
        struct list head;
        size_t messages;
        size_t bytes;
};

/* What a message of this size weighs against ?aside=: an empty one takes memory too. */
size_t kept_weight(size_t size_bytes, size_t descriptors);

void kept_list_init(struct kept_list *list);
void kept_list_add(struct kept_list *list, struct kept *kept);
void kept_list_take(struct kept_list *list, struct kept *kept);
void kept_list_clear(struct kept_list *list);

/* In a forked child: close the descriptors of all. Async-signal-safe; the list goes only forward, as another thread left it. */
void kept_close_descriptors(struct kept *kept);
void kept_list_after_fork(struct kept_list *list);

/* The one that the selection wants next, or NULL; it stays in the list. */
struct kept *kept_list_find(const struct kept_list *list, const struct selection *selection);

#endif
