/* SPDX-License-Identifier: MIT */
#include "rpc/xdr_size.h"

#include "rpc/xdr_fault.h"
#include "rpc/xdr_wire.h"

#include <errno.h>

/*
 * The size of a value on the wire, and with it whatever forbids to encode it. Nobody waits for this as for encoding, so it takes each thing by
 * itself, and says what is wrong where it sees it.
 */

struct walk {
        const struct leat_xdr_schema *schema;
        struct xdr_trouble *trouble;
        uint64_t size, room, most;
        uint32_t depth;
};

static bool size_value(struct walk *walk, const struct leat_xdr_node *node, const uint8_t *value);

static bool refuse(struct walk *walk, enum leat_xdr_what what, uint64_t value, uint64_t limit) {
        xdr_trouble_set(walk->trouble, what, walk->size, value, limit);
        return false;
}

/* So many bytes more; whoever wrote them would find no room for them. */
static bool add(struct walk *walk, uint64_t size) {
        if (size > walk->room - walk->size)
                return refuse(walk, LEAT_XDR_NO_ROOM, size, walk->most);
        walk->size += size;
        return true;
}

static bool check_length(struct walk *walk, const struct leat_xdr_node *node, const void *items, uint32_t count) {
        if (leat_xdr_may_put(items, count, node->bound))
                return true;
        if (count > node->bound)
                return refuse(walk, LEAT_XDR_TOO_LONG, count, node->bound);
        return refuse(walk, LEAT_XDR_NULL, 0, 0);
}

static bool size_counted(struct walk *walk, const struct leat_xdr_node *node, const uint8_t *value) {
        struct leat_xdr_bytes bytes = load_bytes(value);
        if (!check_length(walk, node, bytes.bytes, bytes.size_bytes))
                return false;
        if (node->kind == LEAT_XDR_KIND_STRING && bytes.size_bytes > 0) {
                const uint8_t *text = bytes.bytes, *nul = memchr(text, 0, bytes.size_bytes);
                if (nul)
                        return refuse(walk, LEAT_XDR_NUL_IN_STRING, (uint64_t)(nul - text), 0);
        }
        return add(walk, UNIT + leat_xdr_padded(bytes.size_bytes));
}

static bool size_enum(struct walk *walk, const struct leat_xdr_node *node, const uint8_t *value) {
        uint32_t bits = load32(value);
        if (!is_of_enum(walk->schema, node, bits))
                return refuse(walk, LEAT_XDR_UNKNOWN_ENUM, widen(node->kind, bits), 0);
        return add(walk, UNIT);
}

static bool too_deep(struct walk *walk) {
        return refuse(walk, LEAT_XDR_TOO_DEEP, LEAT_XDR_DEPTH_MOST + 1, LEAT_XDR_DEPTH_MOST);
}

static bool in_field(struct walk *walk, const struct leat_xdr_field *field) {
        xdr_trouble_in_field(walk->trouble, xdr_field_name(walk->schema, field));
        return false;
}

static bool size_struct(struct walk *walk, const struct leat_xdr_node *node, uint32_t count, const uint8_t *value) {
        const struct leat_xdr_field *field = &walk->schema->fields[node->first];
        if (!xdr_enter(&walk->depth, node))
                return too_deep(walk);
        for (const struct leat_xdr_field *end = field + count; field < end; field++)
                if (!size_value(walk, xdr_node(walk->schema, field->node), value + field->offset))
                        return in_field(walk, field);
        xdr_leave(&walk->depth, node);
        return true;
}

static bool size_union(struct walk *walk, const struct leat_xdr_node *node, const uint8_t *value) {
        const struct leat_xdr_field *field = &walk->schema->fields[node->first];
        const struct leat_xdr_node *kind = xdr_node(walk->schema, field->node);
        int32_t discriminant = discriminant_of(walk->schema, node, value);
        const struct leat_xdr_field *arm = xdr_find_arm(walk->schema, node, discriminant);
        if (!xdr_enter(&walk->depth, node))
                return too_deep(walk);
        if (!arm && (kind->kind != LEAT_XDR_KIND_ENUM || is_of_enum(walk->schema, kind, (uint32_t)discriminant)))
                refuse(walk, LEAT_XDR_UNKNOWN_ARM, widen(kind->kind, (uint32_t)discriminant), 0);
        else if (size_value(walk, kind, value + field->offset))
                field = arm;
        if (field != arm || !size_value(walk, xdr_node(walk->schema, arm->node), value + arm->offset))
                return in_field(walk, field);
        xdr_leave(&walk->depth, node);
        return true;
}

static bool size_items(struct walk *walk, const struct leat_xdr_node *item, const uint8_t *items, uint32_t count) {
        if (item->wire_min == 0)
                return true;
        size_t width = xdr_plain_width(item);
        if (width > 0 && count * (uint64_t)width <= walk->room - walk->size)
                return add(walk, count * (uint64_t)width);
        for (uint32_t i = 0; i < count; i++, items += item->size) {
                if (size_value(walk, item, items))
                        continue;
                xdr_trouble_in_item(walk->trouble, i);
                return false;
        }
        return true;
}

static bool size_list(struct walk *walk, const struct leat_xdr_node *node, const uint8_t *value) {
        struct leat_xdr_list list = load_list(value);
        return check_length(walk, node, list.items, list.count) && add(walk, UNIT) &&
               size_items(walk, xdr_node(walk->schema, node->first), list.items, list.count);
}

static bool size_chain(struct walk *walk, const struct leat_xdr_node *node, const uint8_t *slot) {
        const struct leat_xdr_node *link = xdr_node(walk->schema, node->first);
        uint32_t next = xdr_next_offset(walk->schema, link);
        struct circle circle = { 0 };
        uint64_t step = 0;
        for (const uint8_t *value; add(walk, UNIT); slot = value + next, step++) {
                value = load_pointer(slot);
                if (!value)
                        return true;
                bool closed = circle_closes(&circle, value, step);
                if (closed)
                        refuse(walk, LEAT_XDR_TOO_DEEP, step, step);
                if (closed || !size_struct(walk, link, link->count - 1u, value))
                        break;
        }
        xdr_trouble_in_item(walk->trouble, step);
        return false;
}

static bool size_pointer(struct walk *walk, const struct leat_xdr_node *node, const uint8_t *slot) {
        const uint8_t *value = load_pointer(slot);
        if (node->kind == LEAT_XDR_KIND_OPTIONAL && !add(walk, UNIT))
                return false;
        if (!value && node->kind == LEAT_XDR_KIND_HELD)
                return refuse(walk, LEAT_XDR_NULL, 0, 0);
        return !value || size_value(walk, xdr_node(walk->schema, node->first), value);
}

static bool size_value(struct walk *walk, const struct leat_xdr_node *node, const uint8_t *value) {
        switch (node->kind) {
        case LEAT_XDR_KIND_VOID:
                return true;
        case LEAT_XDR_KIND_HYPER:
        case LEAT_XDR_KIND_UNSIGNED_HYPER:
        case LEAT_XDR_KIND_DOUBLE:
                return add(walk, 2 * UNIT);
        case LEAT_XDR_KIND_QUADRUPLE:
                return add(walk, sizeof(struct leat_xdr_quadruple));
        case LEAT_XDR_KIND_ENUM:
                return size_enum(walk, node, value);
        case LEAT_XDR_KIND_FIXED:
                return add(walk, leat_xdr_padded(node->bound));
        case LEAT_XDR_KIND_BYTES:
        case LEAT_XDR_KIND_STRING:
                return size_counted(walk, node, value);
        case LEAT_XDR_KIND_ARRAY:
                return size_items(walk, xdr_node(walk->schema, node->first), value, node->bound);
        case LEAT_XDR_KIND_LIST:
                return size_list(walk, node, value);
        case LEAT_XDR_KIND_OPTIONAL:
        case LEAT_XDR_KIND_HELD:
                return size_pointer(walk, node, value);
        case LEAT_XDR_KIND_CHAIN:
                return size_chain(walk, node, value);
        case LEAT_XDR_KIND_STRUCT:
                return size_struct(walk, node, node->count, value);
        case LEAT_XDR_KIND_UNION:
                return size_union(walk, node, value);
        default:
                return add(walk, UNIT);
        }
}

int64_t xdr_size_within(struct leat_xdr_type type, const void *value, uint64_t room, uint64_t most,
                        struct leat_xdr_fault *ret_fault) {
        struct xdr_trouble trouble;
        struct walk walk = {
                .schema = type.schema, .trouble = &trouble, .room = room, .most = most, .depth = LEAT_XDR_DEPTH_MOST
        };
        xdr_trouble_begin(&trouble);
        if (!size_value(&walk, xdr_node(type.schema, type.node), value))
                return xdr_trouble_tell(&trouble, true, ret_fault);
        xdr_fault_tell(ret_fault, LEAT_XDR_OK, 0);
        return (int64_t)walk.size;
}

int64_t leat_xdr_size(struct leat_xdr_type type, const void *value, struct leat_xdr_fault *ret_fault) {
        int error = xdr_type_check(type);
        if (error == 0 && !value)
                return xdr_fault_tell_nothing(type, ret_fault);
        if (error < 0)
                return xdr_fault_tell(ret_fault, LEAT_XDR_OK, error);
        return xdr_size_within(type, value, INT64_MAX, INT64_MAX, ret_fault);
}

size_t leat_xdr_value_size(struct leat_xdr_type type) {
        return xdr_type_check(type) == 0 ? xdr_node(type.schema, type.node)->size : 0;
}
