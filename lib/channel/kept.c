/* SPDX-License-Identifier: MIT */
#include "channel/kept.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool from(const struct selection *selection, const struct leat_peer *sender) {
        return selection->from_pid == 0 || (sender->known && sender->pid == selection->from_pid);
}

struct kept *kept_new(size_t capacity_bytes, const int *descriptors, size_t count) {
        FREE_AT_EXIT struct kept *kept = malloc(sizeof(struct kept) + capacity_bytes);
        if (!kept)
                return NULL;
        *kept = (struct kept){ .capacity_bytes = capacity_bytes };
        list_init(&kept->node);
        if (count > 0) {
                kept->descriptors = malloc(count * sizeof(int));
                if (!kept->descriptors)
                        return NULL;
                memcpy(kept->descriptors, descriptors, count * sizeof(int));
                kept->about.descriptors_count = count;
        }
        return TAKE(kept);
}

struct kept *kept_copy(const struct leat_message *about, const void *bytes, size_t size, const int *descriptors,
                       size_t count) {
        struct kept *kept = kept_new(size, descriptors, count);
        if (!kept)
                return NULL;
        kept->about = *about;
        kept->about.descriptors_count = count;
        kept->about.size_bytes = 0;
        (void)kept_append(&kept, bytes, size); /* there is room */
        return kept;
}

int kept_append(struct kept **kept, const void *bytes, size_t size) {
        size_t filled = (*kept)->about.size_bytes;
        if (size > (*kept)->capacity_bytes - filled) {
                size_t capacity =
                        (*kept)->capacity_bytes * 2 > filled + size ? (*kept)->capacity_bytes * 2 : filled + size;
                struct kept *larger = realloc(*kept, sizeof(struct kept) + capacity);
                if (!larger)
                        return -ENOMEM;
                larger->capacity_bytes = capacity;
                list_init(&larger->node); /* it is in no list while it grows */
                *kept = larger;
        }
        if (size > 0)
                memcpy((*kept)->bytes + filled, bytes, size);
        (*kept)->about.size_bytes += size;
        return 0;
}

void kept_close_descriptors(struct kept *kept) {
        for (size_t i = 0; kept && kept->descriptors && i < kept->about.descriptors_count; i++)
                kept->descriptors[i] = close_fd(kept->descriptors[i]);
}

void kept_list_after_fork(struct kept_list *list) {
        /* NULL: another thread was just opening it. */
        for (struct list *node = list->head.next; node && node != &list->head; node = node->next)
                kept_close_descriptors(CONTAINER_OF(node, struct kept, node));
}

struct kept *kept_free(struct kept *kept) {
        if (!kept)
                return NULL;
        kept_close_descriptors(kept);
        free(kept->descriptors);
        free(kept);
        return NULL;
}

#define DESCRIPTOR_WEIGHT 1024 /* there are far fewer of them than bytes: ?aside=1M is 1,024 */

size_t kept_weight(size_t size_bytes, size_t descriptors) {
        return sizeof(struct kept) + size_bytes + descriptors * DESCRIPTOR_WEIGHT;
}

static size_t weight(const struct kept *kept) {
        return kept_weight(kept->about.size_bytes, kept->about.descriptors_count);
}

void kept_list_init(struct kept_list *list) {
        list_init(&list->head);
        list->messages = 0;
        list->bytes = 0;
}

void kept_list_add(struct kept_list *list, struct kept *kept) {
        list_insert(&list->head, &kept->node);
        list->messages++;
        list->bytes += weight(kept);
}

void kept_list_take(struct kept_list *list, struct kept *kept) {
        list_remove(&kept->node);
        list->messages--;
        list->bytes -= weight(kept);
}

void kept_list_clear(struct kept_list *list) {
        while (!list_empty(&list->head)) {
                struct kept *kept = CONTAINER_OF(list->head.next, struct kept, node);
                kept_list_take(list, kept);
                kept_free(kept);
        }
}

struct kept *kept_list_find(const struct kept_list *list, const struct selection *selection) {
        struct kept *best = NULL;
        for (struct list *node = list->head.next; node != &list->head; node = node->next) {
                struct kept *kept = CONTAINER_OF(node, struct kept, node);
                if (selection_takes(selection, kept->about.type, &kept->about.sender))
                        return kept;
                /* The lowest type not above -select, and of these the first. */
                if (selection->select < 0 && kept->about.type <= -selection->select &&
                    from(selection, &kept->about.sender) && (!best || kept->about.type < best->about.type))
                        best = kept;
        }
        return best;
}
