/* SPDX-License-Identifier: MIT */
#include "rpc/xdr_arena.h"
#include "rpc/xdr_fault.h"
#include "rpc/xdr_text.h"
#include "rpc/xdr_wire.h"

#include <errno.h>
#include <string.h>

/*
 * Random values for tests. What is at an edge comes often: nothing, one, exactly the bound, the least and the greatest number. Each piece of
 * memory that a value points to is counted, and only begun if there is something left of the budget and it fits in: so no more than
 * the budget is pointed to, but for what a type cannot do without (the arms that are held). A value nests some levels deep; then
 * it takes whatever ends it.
 */

#define LEVELS 12 /* of what can contain itself */
#define SMALL 8   /* lengths are mostly below */

struct maker {
        const struct leat_xdr_schema *schema;
        struct leat_xdr_arena *arena;
        uint64_t state;
        size_t left; /* of the budget, in bytes */
        uint32_t levels;
};

/* splitmix64, of Steele, Lea and Flood: every seed will do. */
static uint64_t next(struct maker *maker) {
        uint64_t z = maker->state += UINT64_C(0x9e3779b97f4a7c15);
        z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
        return z ^ z >> 31;
}

static uint64_t below(struct maker *maker, uint64_t limit) {
        return next(maker) % limit;
}

/* Memory, counted. Returns 0, -EMSGSIZE, -ENOMEM. */
static int take(struct maker *maker, size_t size, void **ret_memory) {
        int error = xdr_arena_take(maker->arena, size, ret_memory);
        maker->left -= size < maker->left ? size : maker->left;
        if (error == 0)
                memset(*ret_memory, 0, size);
        return error;
}

/* How many items of that size, where `bound` are allowed. */
static uint32_t length_of(struct maker *maker, uint32_t bound, size_t item_size) {
        uint64_t most = maker->left / (item_size > 0 ? item_size : 1);
        most = most < bound ? most : bound;
        uint64_t small = most < SMALL ? most : SMALL;
        switch (below(maker, 16)) {
        case 0:
        case 1:
                return 0;
        case 2:
                return (uint32_t)most;
        case 3:
                return (uint32_t)below(maker, most + 1);
        default:
                return (uint32_t)below(maker, small + 1);
        }
}

static int make_value(struct maker *maker, uint32_t index, void *value);

/* ---- numbers ---- */

/* The bits of a number of so many bytes. */
static uint64_t number(struct maker *maker, size_t size) {
        uint64_t top = UINT64_C(1) << (8 * size - 1);
        uint64_t random = next(maker);
        switch (below(maker, 10)) {
        case 0:
                return 0;
        case 1:
                return UINT64_MAX;
        case 2:
                return top;
        case 3:
                return top - 1;
        case 4:
                return random;
        case 5:
                return random >> (random & 63);
        default:
                return random & 127;
        }
}

/* What one seldom meets by chance: zeros with a sign, infinity, numbers that are none, the smallest ones. */
static uint64_t float_bits(struct maker *maker, size_t size) {
        static const double plain[] = { 0, 1, -1, 0.1, 1e10, -2.5, 3.14159 };
        bool narrow = size == 4;
        uint64_t sign = xdr_float_sign(narrow), infinite = xdr_float_infinity(narrow);
        uint64_t random = next(maker), bits;
        double number = plain[below(maker, sizeof(plain) / sizeof(plain[0]))];
        float as_float = (float)number;
        uint32_t narrow_bits;
        memcpy(&bits, &number, sizeof(bits));
        memcpy(&narrow_bits, &as_float, sizeof(narrow_bits));
        switch (below(maker, 8)) {
        case 0:
                return random & sign;
        case 1:
                return infinite | (random & sign);
        case 2:
                return infinite | random;
        case 3:
                return random & 255;
        case 4:
        case 5:
                return random;
        default:
                return narrow ? narrow_bits : bits;
        }
}

static uint64_t enum_value(struct maker *maker, const struct leat_xdr_node *node) {
        uint64_t which = node->count > 0 ? below(maker, node->count) : 0;
        return node->count > 0 ? (uint64_t)maker->schema->values[node->first + which].value : 0;
}

static void make_number(struct maker *maker, const struct leat_xdr_node *node, void *value) {
        switch (node->kind) {
        case LEAT_XDR_KIND_BOOL:
                *(bool *)value = next(maker) & 1;
                return;
        case LEAT_XDR_KIND_ENUM:
                store_number(value, enum_value(maker, node), node->size);
                return;
        case LEAT_XDR_KIND_FLOAT:
        case LEAT_XDR_KIND_DOUBLE:
                store_number(value, float_bits(maker, node->size), node->size);
                return;
        default:
                store_number(value, number(maker, node->size), node->size);
        }
}

/* ---- bytes ---- */

static void fill(struct maker *maker, uint8_t *bytes, size_t size) {
        bool zeros = below(maker, 4) == 0;
        for (size_t i = 0; i < size; i++)
                bytes[i] = zeros ? 0 : (uint8_t)next(maker);
}

/* Text is mostly letters, at times UTF-8, at times anything but a NUL. */
static void fill_text(struct maker *maker, uint8_t *text, size_t size) {
        static const char other[] = "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"\\\n\t/<";
        uint64_t kind = below(maker, 8);
        for (size_t i = 0; i < size; i++) {
                if (kind == 0)
                        text[i] = (uint8_t)(1 + below(maker, 255));
                else if (kind == 1)
                        text[i] = (uint8_t)other[i % (sizeof(other) - 1)];
                else
                        text[i] = (uint8_t)('a' + below(maker, 26));
        }
}

static int make_bytes(struct maker *maker, const struct leat_xdr_node *node, void *value) {
        struct leat_xdr_bytes *bytes = value;
        uint32_t size = length_of(maker, node->bound, 1);
        void *memory = NULL;
        *bytes = (struct leat_xdr_bytes){ 0 };
        if (size > 0 && size >= maker->left) /* a NUL comes behind it */
                size = (uint32_t)maker->left - 1;
        if (size == 0)
                return 0;
        int r = take(maker, (size_t)size + 1, &memory);
        if (r < 0)
                return r;
        if (node->kind == LEAT_XDR_KIND_STRING)
                fill_text(maker, memory, size);
        else
                fill(maker, memory, size);
        *bytes = (struct leat_xdr_bytes){ memory, size };
        return 0;
}

/* ---- what has parts ---- */

static int make_items(struct maker *maker, uint32_t item, void *items, uint32_t count) {
        size_t size = xdr_node(maker->schema, item)->size;
        int r = 0;
        for (uint32_t i = 0; i < count && r == 0; i++)
                r = make_value(maker, item, (char *)items + i * size);
        return r;
}

static int make_list(struct maker *maker, const struct leat_xdr_node *node, void *value) {
        void *items = NULL;
        size_t size = xdr_node(maker->schema, node->first)->size;
        uint32_t count = maker->levels > 0 ? length_of(maker, node->bound, size) : 0;
        store_list(value, (struct leat_xdr_list){ 0 });
        if (count == 0)
                return 0;
        int r = take(maker, count * size, &items);
        if (r < 0)
                return r;
        store_list(value, (struct leat_xdr_list){ items, count });
        return make_items(maker, node->first, items, count);
}

static int make_held(struct maker *maker, const struct leat_xdr_node *node, void *value) {
        void *memory = NULL;
        int r = take(maker, xdr_node(maker->schema, node->first)->size, &memory);
        if (r < 0)
                return r;
        store_pointer(value, memory);
        return make_value(maker, node->first, memory);
}

static int make_optional(struct maker *maker, const struct leat_xdr_node *node, void *value) {
        size_t size = xdr_node(maker->schema, node->first)->size;
        store_pointer(value, NULL);
        if (maker->levels == 0 || size > maker->left || maker->left == 0 || below(maker, 2) == 0)
                return 0;
        return make_held(maker, node, value);
}

static int make_fields(struct maker *maker, const struct leat_xdr_node *node, uint32_t count, void *value) {
        int r = 0;
        for (uint32_t i = 0; i < count && r == 0; i++) {
                const struct leat_xdr_field *field = &maker->schema->fields[node->first + i];
                r = make_value(maker, field->node, (char *)value + field->offset);
        }
        return r;
}

static int make_links(struct maker *maker, const struct leat_xdr_node *node, uint32_t count, void *place) {
        const struct leat_xdr_node *link = xdr_node(maker->schema, node->first);
        uint32_t next_at = xdr_next_offset(maker->schema, link);
        int r = 0;
        for (uint32_t i = 0; i < count && r == 0 && maker->left >= link->size; i++) {
                void *memory = NULL;
                r = take(maker, link->size, &memory);
                if (r < 0)
                        return r;
                store_pointer(place, memory);
                place = (char *)memory + next_at;
                r = make_fields(maker, link, link->count - 1u, memory);
        }
        return r;
}

static int make_chain(struct maker *maker, const struct leat_xdr_node *node, void *value) {
        const struct leat_xdr_node *link = xdr_node(maker->schema, node->first);
        uint32_t levels = link->flags & LEAT_XDR_FLAG_RECURSIVE ? 1 : 0;
        uint32_t count = maker->levels > 0 ? length_of(maker, UINT32_MAX, link->size) : 0;
        store_pointer(value, NULL);
        if (count == 0)
                return 0;
        maker->levels -= levels;
        int r = make_links(maker, node, count, value);
        maker->levels += levels;
        return r;
}

/* ---- unions ---- */

/* A discriminant that the type of it has and no label names: false if there seems to be none. */
static bool unlabelled(struct maker *maker, const struct leat_xdr_node *node, const struct leat_xdr_node *kind,
                       uint64_t *ret_bits) {
        const struct leat_xdr_value *labels = &maker->schema->values[node->bound];
        uint64_t first = next(maker);
        uint32_t tries = kind->kind == LEAT_XDR_KIND_ENUM ? kind->count : kind->kind == LEAT_XDR_KIND_BOOL ? 2 : 64;
        for (uint32_t i = 0; i < tries; i++) {
                uint64_t bits = number(maker, kind->size), room = 0;
                if (kind->kind == LEAT_XDR_KIND_ENUM)
                        bits = (uint64_t)maker->schema->values[kind->first + (first + i) % kind->count].value;
                else if (kind->kind == LEAT_XDR_KIND_BOOL)
                        bits = (first + i) & 1;
                store_number(&room, bits, kind->size);
                if (xdr_find_value(labels, node->count, (int32_t)load_narrow(kind->kind, (const uint8_t *)&room)))
                        continue;
                *ret_bits = bits;
                return true;
        }
        return false;
}

/* The label whose arm has the fewest bytes on the wire: it cannot contain the union, which has more. */
static uint32_t least_label(const struct maker *maker, const struct leat_xdr_node *node) {
        uint32_t least = 0, least_bytes = UINT32_MAX;
        for (uint32_t i = 0; i < node->count; i++) {
                uint32_t arm = maker->schema->values[node->bound + i].name;
                uint32_t bytes = xdr_node(maker->schema, maker->schema->fields[node->first + arm].node)->wire_min;
                if (bytes >= least_bytes)
                        continue;
                least = i;
                least_bytes = bytes;
        }
        return least;
}

static bool default_is_least(const struct maker *maker, const struct leat_xdr_node *node) {
        if (!(node->flags & LEAT_XDR_FLAG_DEFAULT) || node->count == 0)
                return node->flags & LEAT_XDR_FLAG_DEFAULT;
        uint32_t arm = maker->schema->values[node->bound + least_label(maker, node)].name;
        const struct leat_xdr_field *fields = &maker->schema->fields[node->first];
        return xdr_node(maker->schema, fields[1].node)->wire_min < xdr_node(maker->schema, fields[arm].node)->wire_min;
}

/* Any label, or the default arm, each as likely; at the end of memory or nesting what is the least. */
static uint64_t pick_discriminant(struct maker *maker, const struct leat_xdr_node *node,
                                  const struct leat_xdr_node *kind) {
        bool ends = maker->levels == 0 || maker->left == 0;
        bool has_default = node->flags & LEAT_XDR_FLAG_DEFAULT;
        uint64_t which = below(maker, (uint64_t)node->count + has_default + (node->count + has_default == 0));
        uint64_t bits = 0;
        if (ends)
                which = default_is_least(maker, node) ? node->count : least_label(maker, node);
        if (which >= node->count && unlabelled(maker, node, kind, &bits))
                return bits;
        if (node->count == 0)
                return 0;
        if (which >= node->count)
                which = ends ? least_label(maker, node) : below(maker, node->count);
        return (uint64_t)maker->schema->values[node->bound + which].value;
}

static int make_union(struct maker *maker, const struct leat_xdr_node *node, void *value) {
        const struct leat_xdr_field *field = &maker->schema->fields[node->first];
        const struct leat_xdr_node *kind = xdr_node(maker->schema, field->node);
        memset(value, 0, node->size);
        store_number((char *)value + field->offset, pick_discriminant(maker, node, kind), kind->size);
        const struct leat_xdr_field *arm = arm_of(maker->schema, node, value);
        return arm ? make_value(maker, arm->node, (char *)value + arm->offset) : 0;
}

static int make_whole(struct maker *maker, const struct leat_xdr_node *node, void *value) {
        uint32_t levels = node->flags & LEAT_XDR_FLAG_RECURSIVE && maker->levels > 0 ? 1 : 0;
        maker->levels -= levels;
        int r = node->kind == LEAT_XDR_KIND_UNION ? make_union(maker, node, value)
                                                  : make_fields(maker, node, node->count, value);
        maker->levels += levels;
        return r;
}

static int make_value(struct maker *maker, uint32_t index, void *value) {
        const struct leat_xdr_node *node = xdr_node(maker->schema, index);
        switch (node->kind) {
        case LEAT_XDR_KIND_VOID:
                return 0;
        case LEAT_XDR_KIND_QUADRUPLE:
        case LEAT_XDR_KIND_FIXED:
                fill(maker, value, node->size);
                return 0;
        case LEAT_XDR_KIND_BYTES:
        case LEAT_XDR_KIND_STRING:
                return make_bytes(maker, node, value);
        case LEAT_XDR_KIND_ARRAY:
                return make_items(maker, node->first, value, node->bound);
        case LEAT_XDR_KIND_LIST:
                return make_list(maker, node, value);
        case LEAT_XDR_KIND_OPTIONAL:
                return make_optional(maker, node, value);
        case LEAT_XDR_KIND_HELD:
                return make_held(maker, node, value);
        case LEAT_XDR_KIND_CHAIN:
                return make_chain(maker, node, value);
        case LEAT_XDR_KIND_STRUCT:
        case LEAT_XDR_KIND_UNION:
                return make_whole(maker, node, value);
        default:
                make_number(maker, node, value);
                return 0;
        }
}

int leat_xdr_random(struct leat_xdr_type type, uint64_t *seed, size_t most_bytes, struct leat_xdr_arena *arena,
                    void *ret_value) {
        int r = xdr_type_check(type);
        if (r < 0)
                return r;
        if (!seed || !arena || (!ret_value && type.node != 0))
                return -EINVAL;
        if (!ret_value) /* void */
                return 0;
        struct maker maker = {
                .schema = type.schema, .arena = arena, .state = *seed, .left = most_bytes, .levels = LEVELS
        };
        struct xdr_arena_mark mark = xdr_arena_mark(arena);
        if (type.node != 0)
                memset(ret_value, 0, leat_xdr_value_size(type));
        r = make_value(&maker, type.node, ret_value);
        *seed = maker.state;
        if (r < 0)
                xdr_arena_set_back(arena, mark);
        return r;
}
