/* SPDX-License-Identifier: MIT */
#include "rpc/xdr_arena.h"
#include "rpc/xdr_fault.h"
#include "rpc/xdr_size.h"
#include "rpc/xdr_wire.h"

#include <errno.h>

/*
 * A value is copied as its memory is; then whatever it points to is copied too, and so on. Before that xdr_size_within() has gone over all of
 * it, so here nothing is checked again.
 */

struct walk {
        struct leat_xdr_arena *arena;
        const struct leat_xdr_schema *schema;
};

static int deepen(struct walk *walk, const struct leat_xdr_node *node, uint8_t *value);

/* A copy of that memory takes the place of the pointer to it. */
static int copy_memory(struct walk *walk, uint8_t *slot, const void *from, uint64_t size, uint64_t room,
                       uint8_t **ret_copy) {
        void *copy = NULL;
        int error = room > SIZE_MAX ? -EMSGSIZE : xdr_arena_take(walk->arena, (size_t)room, &copy);
        if (error < 0)
                return error;
        if (size > 0)
                memcpy(copy, from, (size_t)size);
        store_pointer(slot, copy);
        *ret_copy = copy;
        return 0;
}

static int copy_counted(struct walk *walk, const struct leat_xdr_node *node, uint8_t *value) {
        struct leat_xdr_bytes bytes = load_bytes(value);
        bool text = node->kind == LEAT_XDR_KIND_STRING;
        uint8_t *copy = NULL;
        if (bytes.size_bytes == 0) {
                store_pointer(value + offsetof(struct leat_xdr_bytes, bytes), text ? "" : NULL);
                return 0;
        }
        int error = copy_memory(walk, value + offsetof(struct leat_xdr_bytes, bytes), bytes.bytes, bytes.size_bytes,
                                (uint64_t)bytes.size_bytes + text, &copy);
        if (error == 0 && text)
                copy[bytes.size_bytes] = '\0';
        return error;
}

static int deepen_items(struct walk *walk, const struct leat_xdr_node *item, uint8_t *items, uint32_t count) {
        if (item->kind <= LEAT_XDR_KIND_FIXED || item->wire_min == 0) /* neither points to anything */
                return 0;
        for (uint32_t i = 0; i < count; i++, items += item->size) {
                int error = deepen(walk, item, items);
                if (error < 0)
                        return error;
        }
        return 0;
}

static int copy_list(struct walk *walk, const struct leat_xdr_node *node, uint8_t *value) {
        const struct leat_xdr_node *item = xdr_node(walk->schema, node->first);
        struct leat_xdr_list list = load_list(value);
        uint64_t size = (uint64_t)list.count * item->size;
        uint8_t *copy = NULL;
        if (list.count == 0) {
                store_pointer(value + offsetof(struct leat_xdr_list, items), NULL);
                return 0;
        }
        int error = copy_memory(walk, value + offsetof(struct leat_xdr_list, items), list.items, size, size, &copy);
        return error < 0 ? error : deepen_items(walk, item, copy, list.count);
}

static int deepen_fields(struct walk *walk, const struct leat_xdr_field *field, uint32_t count, uint8_t *value) {
        for (; count > 0; field++, count--) {
                int error = deepen(walk, xdr_node(walk->schema, field->node), value + field->offset);
                if (error < 0)
                        return error;
        }
        return 0;
}

static int copy_pointer(struct walk *walk, const struct leat_xdr_node *node, uint8_t *slot) {
        const struct leat_xdr_node *type = xdr_node(walk->schema, node->first);
        const void *from = load_pointer(slot);
        uint8_t *copy = NULL;
        if (!from)
                return 0;
        int error = copy_memory(walk, slot, from, type->size, type->size, &copy);
        return error < 0 ? error : deepen(walk, type, copy);
}

static int copy_chain(struct walk *walk, const struct leat_xdr_node *node, uint8_t *slot) {
        const struct leat_xdr_node *link = xdr_node(walk->schema, node->first);
        uint32_t next = xdr_next_offset(walk->schema, link);
        for (const void *from; (from = load_pointer(slot));) {
                uint8_t *copy = NULL;
                int error = copy_memory(walk, slot, from, link->size, link->size, &copy);
                if (error == 0)
                        error = deepen_fields(walk, &walk->schema->fields[link->first], link->count - 1u, copy);
                if (error < 0)
                        return error;
                slot = copy + next;
        }
        return 0;
}

static int deepen_arm(struct walk *walk, const struct leat_xdr_node *node, uint8_t *value) {
        const struct leat_xdr_field *arm = arm_of(walk->schema, node, value);
        return arm ? deepen_fields(walk, arm, 1, value) : 0;
}

static int deepen(struct walk *walk, const struct leat_xdr_node *node, uint8_t *value) {
        switch (node->kind) {
        case LEAT_XDR_KIND_BYTES:
        case LEAT_XDR_KIND_STRING:
                return copy_counted(walk, node, value);
        case LEAT_XDR_KIND_ARRAY:
                return deepen_items(walk, xdr_node(walk->schema, node->first), value, node->bound);
        case LEAT_XDR_KIND_LIST:
                return copy_list(walk, node, value);
        case LEAT_XDR_KIND_OPTIONAL:
        case LEAT_XDR_KIND_HELD:
                return copy_pointer(walk, node, value);
        case LEAT_XDR_KIND_CHAIN:
                return copy_chain(walk, node, value);
        case LEAT_XDR_KIND_STRUCT:
                return deepen_fields(walk, &walk->schema->fields[node->first], node->count, value);
        case LEAT_XDR_KIND_UNION:
                return deepen_arm(walk, node, value);
        default:
                return 0;
        }
}

int leat_xdr_copy(struct leat_xdr_type type, const void *value, struct leat_xdr_arena *arena, void *ret_copy) {
        int64_t size = leat_xdr_size(type, value, NULL);
        if (size < 0)
                return (int)size;
        if (!arena)
                return -EINVAL;
        if (!value || !ret_copy)
                return type.node == 0 ? 0 : -EINVAL;
        const struct leat_xdr_node *node = xdr_node(type.schema, type.node);
        struct walk walk = { arena, type.schema };
        struct xdr_arena_mark mark = xdr_arena_mark(arena);
        if (node->size > 0)
                memcpy(ret_copy, value, node->size);
        int error = deepen(&walk, node, ret_copy);
        if (error < 0)
                xdr_arena_set_back(arena, mark);
        return error;
}
