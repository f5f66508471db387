/* SPDX-License-Identifier: MIT */
#ifndef LEAT_BASE_LIST_H
#define LEAT_BASE_LIST_H

/* Circular doubly linked lists, embedded in what they link. An unlinked node points to itself. */

#include <stdbool.h>
#include <stddef.h>

struct list {
        struct list *next, *previous;
};

#define CONTAINER_OF(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

static inline void list_init(struct list *node) {
        node->next = node->previous = node;
}

static inline bool list_empty(const struct list *list) {
        return list->next == list;
}

/* Link `node` before `place`: at the end, if `place` is the head. */
static inline void list_insert(struct list *place, struct list *node) {
        node->previous = place->previous;
        node->next = place;
        place->previous->next = node;
        place->previous = node;
}

static inline void list_remove(struct list *node) {
        node->previous->next = node->next;
        node->next->previous = node->previous;
        list_init(node);
}

#endif
