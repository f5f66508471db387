/* SPDX-License-Identifier: MIT */
#include "rpc/xdr_fault.h"
#include "rpc/xdr_wire.h"

struct walk {
        const struct leat_xdr_schema *schema;
        uint32_t depth; /* how many more levels */
};

/*
 * Beside -1, 0 and 1: no difference was found up to where the values break their type, being nested too deep or in a circle. That is the end: a
 * tree of circles has too many ways to be gone through.
 */
#define ENDLESS 2

static int compare(struct walk *walk, const struct leat_xdr_node *node, const uint8_t *one, const uint8_t *other);

static int order(uint64_t one, uint64_t other) {
        return (one > other) - (one < other);
}

/* A signed number's bits, or floating point's, as a number without a sign that has the same order. */
static uint64_t rank_signed(uint64_t bits, unsigned width) {
        return bits ^ ((uint64_t)1 << (width - 1));
}

static uint64_t rank_float(uint64_t bits, unsigned width) {
        uint64_t sign = (uint64_t)1 << (width - 1);
        return bits & sign ? ~bits & (2 * sign - 1) : bits | sign;
}

static int compare_quadruples(const uint8_t *one, const uint8_t *other) {
        bool negative = one[0] & 0x80, other_negative = other[0] & 0x80;
        if (negative != other_negative)
                return negative ? -1 : 1;
        int by_bytes = memcmp(one, other, sizeof(struct leat_xdr_quadruple));
        return negative ? (by_bytes < 0) - (by_bytes > 0) : (by_bytes > 0) - (by_bytes < 0);
}

static int compare_bytes(const void *one, const void *other, size_t size) {
        int by_bytes = size > 0 ? memcmp(one, other, size) : 0;
        return (by_bytes > 0) - (by_bytes < 0);
}

static int compare_counted(const uint8_t *one, const uint8_t *other) {
        struct leat_xdr_bytes a = load_bytes(one), b = load_bytes(other);
        if (!a.bytes) /* with a length it would break its type */
                a.size_bytes = 0;
        if (!b.bytes)
                b.size_bytes = 0;
        int result = compare_bytes(a.bytes, b.bytes, a.size_bytes < b.size_bytes ? a.size_bytes : b.size_bytes);
        return result != 0 ? result : order(a.size_bytes, b.size_bytes);
}

static int compare_items(struct walk *walk, const struct leat_xdr_node *item, const uint8_t *one, const uint8_t *other,
                         uint32_t count) {
        if (item->wire_min == 0) /* there is nothing in them */
                return 0;
        for (uint32_t i = 0; i < count; i++, one += item->size, other += item->size) {
                int result = compare(walk, item, one, other);
                if (result != 0)
                        return result;
        }
        return 0;
}

static int compare_lists(struct walk *walk, const struct leat_xdr_node *node, const uint8_t *one,
                         const uint8_t *other) {
        struct leat_xdr_list a = load_list(one), b = load_list(other);
        if (!a.items)
                a.count = 0;
        if (!b.items)
                b.count = 0;
        int result = compare_items(walk, xdr_node(walk->schema, node->first), a.items, b.items,
                                   a.count < b.count ? a.count : b.count);
        return result != 0 ? result : order(a.count, b.count);
}

static int compare_fields(struct walk *walk, const struct leat_xdr_node *node, uint32_t count, const uint8_t *one,
                          const uint8_t *other) {
        const struct leat_xdr_field *field = &walk->schema->fields[node->first];
        int result = 0;
        if (!xdr_enter(&walk->depth, node))
                return ENDLESS;
        for (const struct leat_xdr_field *end = field + count; field < end && result == 0; field++)
                result = compare(walk, xdr_node(walk->schema, field->node), one + field->offset, other + field->offset);
        xdr_leave(&walk->depth, node);
        return result;
}

/* Two pointers that are the same point to the same value; so a value that is a circle is equal to itself. */
static int compare_pointers(struct walk *walk, const struct leat_xdr_node *node, const uint8_t *one,
                            const uint8_t *other) {
        const uint8_t *a = load_pointer(one), *b = load_pointer(other);
        if (a == b)
                return 0;
        if (!a || !b)
                return a ? 1 : -1;
        return compare(walk, xdr_node(walk->schema, node->first), a, b);
}

static int compare_chains(struct walk *walk, const struct leat_xdr_node *node, const uint8_t *one,
                          const uint8_t *other) {
        const struct leat_xdr_node *link = xdr_node(walk->schema, node->first);
        uint32_t next = xdr_next_offset(walk->schema, link);
        struct circle circle = { 0 }, other_circle = { 0 };
        bool closed = false, other_closed = false;
        for (uint64_t step = 0;; step++) {
                const uint8_t *a = load_pointer(one), *b = load_pointer(other);
                if (a == b)
                        return 0;
                if (!a || !b)
                        return a ? 1 : -1;
                closed = closed || circle_closes(&circle, a, step);
                other_closed = other_closed || circle_closes(&other_circle, b, step);
                if (closed && other_closed)
                        return ENDLESS;
                int result = compare_fields(walk, link, link->count - 1u, a, b);
                if (result != 0)
                        return result;
                one = a + next;
                other = b + next;
        }
}

static int compare_narrow(const struct leat_xdr_node *node, const uint8_t *one, const uint8_t *other) {
        uint32_t a = load_narrow(node->kind, one), b = load_narrow(node->kind, other);
        if (node->kind == LEAT_XDR_KIND_UNSIGNED)
                return order(a, b);
        if (node->kind == LEAT_XDR_KIND_FLOAT)
                return order(rank_float(a, 32), rank_float(b, 32));
        return order(rank_signed(a, 32), rank_signed(b, 32));
}

static int compare_unions(struct walk *walk, const struct leat_xdr_node *node, const uint8_t *one,
                          const uint8_t *other) {
        const struct leat_xdr_field *field = &walk->schema->fields[node->first];
        int result = compare_narrow(xdr_node(walk->schema, field->node), one + field->offset, other + field->offset);
        if (result != 0)
                return result;
        const struct leat_xdr_field *arm = arm_of(walk->schema, node, one);
        if (!arm)
                return 0;
        if (!xdr_enter(&walk->depth, node))
                return ENDLESS;
        result = compare(walk, xdr_node(walk->schema, arm->node), one + arm->offset, other + arm->offset);
        xdr_leave(&walk->depth, node);
        return result;
}

static int compare(struct walk *walk, const struct leat_xdr_node *node, const uint8_t *one, const uint8_t *other) {
        switch (node->kind) {
        case LEAT_XDR_KIND_VOID:
                return 0;
        case LEAT_XDR_KIND_HYPER:
                return order(rank_signed(load64(one), 64), rank_signed(load64(other), 64));
        case LEAT_XDR_KIND_UNSIGNED_HYPER:
                return order(load64(one), load64(other));
        case LEAT_XDR_KIND_DOUBLE:
                return order(rank_float(load64(one), 64), rank_float(load64(other), 64));
        case LEAT_XDR_KIND_QUADRUPLE:
                return compare_quadruples(one, other);
        case LEAT_XDR_KIND_FIXED:
                return compare_bytes(one, other, node->bound);
        case LEAT_XDR_KIND_BYTES:
        case LEAT_XDR_KIND_STRING:
                return compare_counted(one, other);
        case LEAT_XDR_KIND_ARRAY:
                return compare_items(walk, xdr_node(walk->schema, node->first), one, other, node->bound);
        case LEAT_XDR_KIND_LIST:
                return compare_lists(walk, node, one, other);
        case LEAT_XDR_KIND_OPTIONAL:
        case LEAT_XDR_KIND_HELD:
                return compare_pointers(walk, node, one, other);
        case LEAT_XDR_KIND_CHAIN:
                return compare_chains(walk, node, one, other);
        case LEAT_XDR_KIND_STRUCT:
                return compare_fields(walk, node, node->count, one, other);
        case LEAT_XDR_KIND_UNION:
                return compare_unions(walk, node, one, other);
        default:
                return compare_narrow(node, one, other);
        }
}

int leat_xdr_compare(struct leat_xdr_type type, const void *one, const void *other) {
        struct walk walk = { type.schema, LEAT_XDR_DEPTH_MOST };
        if (xdr_type_check(type) < 0 || one == other)
                return 0;
        if (!one || !other)
                return one ? 1 : -1;
        int result = compare(&walk, xdr_node(type.schema, type.node), one, other);
        return result == ENDLESS ? 0 : result;
}
