/* SPDX-License-Identifier: MIT */
#include "base/cleanup.h"
#include "rpc/xdr_arena.h"
#include "rpc/xdr_json.h"
#include "rpc/xdr_wire.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * A value from JSON: the table says what must come, so nothing is read that it has no place for, and the text nests no deeper than
 * the type. What was read encodes: bounds, enumerations and cases are looked at as in decoding. Memory is bounded by the arena's limit.
 */

#define ITEMS_FIRST 4 /* of a list that grows */

int json_refuse(struct json_reader *reader, size_t at, enum leat_xdr_what what, uint64_t value, uint64_t limit) {
        xdr_trouble_set(&reader->trouble, what, at, value, limit);
        return -EBADMSG;
}

int json_refuse_kind(struct json_reader *reader) {
        char next = json_peek(&reader->json);
        struct json_text number = reader->json;
        const char *text = NULL;
        bool known = (next != '\0' && strchr("\"{[tfn", next)) || json_number(&number, &text) > 0;
        return json_refuse(reader, reader->json.at, known ? LEAT_XDR_WRONG_JSON : LEAT_XDR_BAD_JSON, 0, 0);
}

int json_reserve(struct json_reader *reader, size_t size_bytes, void **ret_memory) {
        int error = xdr_arena_take(reader->arena, size_bytes, ret_memory);
        if (error < 0)
                xdr_trouble_set(&reader->trouble, error == -ENOMEM ? LEAT_XDR_NO_MEMORY : LEAT_XDR_ARENA_FULL,
                                reader->json.at, 0, xdr_arena_limit(reader->arena));
        return error;
}

/* Behind a bracket or something in it: 1: more comes, 0: it is closed. */
static int next_part(struct json_reader *reader, bool first, char closing) {
        if (json_take(&reader->json, closing))
                return 0;
        if (first || json_take(&reader->json, ','))
                return 1;
        return json_refuse(reader, reader->json.at, LEAT_XDR_BAD_JSON, 0, 0);
}

int json_next_item(struct json_reader *reader, bool first) {
        return next_part(reader, first, ']');
}

int json_next_member(struct json_reader *reader, bool first, const char **ret_name, size_t *ret_size) {
        int r = next_part(reader, first, '}');
        if (r <= 0)
                return r;
        int64_t size = json_peek(&reader->json) == '"' ? json_quoted(&reader->json, ret_name) : -EBADMSG;
        if (size < 0 || !json_take(&reader->json, ':'))
                return json_refuse(reader, reader->json.at, LEAT_XDR_BAD_JSON, 0, 0);
        *ret_size = (size_t)size;
        return 1;
}

static int read_value(struct json_reader *reader, uint32_t index, void *ret_value);

static int open_bracket(struct json_reader *reader, char bracket) {
        return json_take(&reader->json, bracket) ? 0 : json_refuse_kind(reader);
}

static int read_void(struct json_reader *reader, const struct leat_xdr_node *node, void *ret_value) {
        (void)node, (void)ret_value;
        return json_take_word(&reader->json, "null") ? 0 : json_refuse_kind(reader);
}

/* ---- one after another ---- */

static int read_item(struct json_reader *reader, uint32_t item, void *items, uint64_t index) {
        int r = read_value(reader, item, (char *)items + index * xdr_node(reader->schema, item)->size);
        if (r < 0)
                xdr_trouble_in_item(&reader->trouble, index);
        return r;
}

static int read_array(struct json_reader *reader, const struct leat_xdr_node *node, void *ret_value) {
        uint64_t count = 0;
        int r = open_bracket(reader, '[');
        if (r < 0)
                return r;
        while ((r = json_next_item(reader, count == 0)) > 0) {
                if (count == node->bound)
                        return json_refuse(reader, reader->json.at, LEAT_XDR_TOO_LONG, count + 1, node->bound);
                r = read_item(reader, node->first, ret_value, count++);
                if (r < 0)
                        return r;
        }
        if (r == 0 && count < node->bound) {
                r = json_refuse(reader, reader->json.at, LEAT_XDR_MISSING_FIELD, 0, 0);
                xdr_trouble_in_item(&reader->trouble, count);
        }
        return r;
}

/* Items as they come: how many there will be is not known, so the room for them doubles. */
struct growing {
        void *items;
        size_t count, room, item_size;
};

static int grow(struct json_reader *reader, struct growing *growing) {
        size_t room = growing->room == 0 ? ITEMS_FIRST : 2 * growing->room, size;
        void *items = NULL;
        if (__builtin_mul_overflow(room, growing->item_size, &size))
                return json_refuse(reader, reader->json.at, LEAT_XDR_TOO_LONG, room, growing->room);
        int r = json_reserve(reader, size, &items);
        if (r < 0)
                return r;
        if (growing->count > 0)
                memcpy(items, growing->items, growing->count * growing->item_size);
        growing->items = items;
        growing->room = room;
        return 0;
}

static int read_list(struct json_reader *reader, const struct leat_xdr_node *node, void *ret_value) {
        struct growing growing = { .item_size = xdr_node(reader->schema, node->first)->size };
        int r = open_bracket(reader, '[');
        if (r < 0)
                return r;
        while ((r = json_next_item(reader, growing.count == 0)) > 0) {
                if (growing.count == node->bound)
                        return json_refuse(reader, reader->json.at, LEAT_XDR_TOO_LONG, growing.count + 1, node->bound);
                r = growing.count == growing.room ? grow(reader, &growing) : 0;
                if (r == 0)
                        r = read_item(reader, node->first, growing.items, growing.count++);
                if (r < 0)
                        return r;
        }
        store_list(ret_value, (struct leat_xdr_list){ growing.items, (uint32_t)growing.count });
        return r;
}

/* ---- what is pointed to ---- */

static int read_held(struct json_reader *reader, const struct leat_xdr_node *node, void *ret_value) {
        void *memory = NULL;
        int r = json_reserve(reader, xdr_node(reader->schema, node->first)->size, &memory);
        if (r < 0)
                return r;
        store_pointer(ret_value, memory);
        return read_value(reader, node->first, memory);
}

/* An array of one. */
static int read_wrapped(struct json_reader *reader, const struct leat_xdr_node *node, void *ret_value) {
        int r = open_bracket(reader, '[');
        if (r == 0)
                r = read_held(reader, node, ret_value);
        if (r == 0 && !json_take(&reader->json, ']'))
                return json_refuse_kind(reader);
        return r;
}

static int read_optional(struct json_reader *reader, const struct leat_xdr_node *node, void *ret_value) {
        store_pointer(ret_value, NULL);
        if (json_take_word(&reader->json, "null"))
                return 0;
        bool wrapped = json_may_be_null(reader->schema, node->first);
        return wrapped ? read_wrapped(reader, node, ret_value) : read_held(reader, node, ret_value);
}

/* ---- structures ---- */

static int too_deep(struct json_reader *reader) {
        json_refuse(reader, reader->json.at, LEAT_XDR_TOO_DEEP, 0, LEAT_XDR_DEPTH_MOST);
        return -EMSGSIZE;
}

/* What is left out is empty. */
static bool may_be_missing(const struct json_reader *reader, const struct leat_xdr_field *field) {
        enum leat_xdr_kind kind = xdr_node(reader->schema, field->node)->kind;
        return kind == LEAT_XDR_KIND_OPTIONAL || kind == LEAT_XDR_KIND_LIST || kind == LEAT_XDR_KIND_CHAIN ||
               kind == LEAT_XDR_KIND_VOID;
}

static int refuse_field(struct json_reader *reader, size_t at, enum leat_xdr_what what,
                        const struct leat_xdr_field *field) {
        int r = json_refuse(reader, at, what, 0, 0);
        xdr_trouble_in_field(&reader->trouble, xdr_field_name(reader->schema, field));
        return r;
}

static int read_field(struct json_reader *reader, const struct leat_xdr_field *field, void *ret_value) {
        int r = read_value(reader, field->node, (char *)ret_value + field->offset);
        if (r < 0)
                xdr_trouble_in_field(&reader->trouble, xdr_field_name(reader->schema, field));
        return r;
}

/* Which of `count` fields has this name: `guess` is looked at first, as they mostly come in their order. -1: none. */
static int64_t find_field(const struct json_reader *reader, uint32_t first, uint32_t count, uint32_t guess,
                          const char *name, size_t size) {
        const struct leat_xdr_field *fields = &reader->schema->fields[first];
        for (uint32_t i = 0; i < count; i++) {
                uint32_t at = guess + i < count ? guess + i : guess + i - count;
                if (json_is(name, size, xdr_field_name(reader->schema, &fields[at])))
                        return at;
        }
        return -1;
}

/* The first `count` fields of a structure, whose bits in `seen` are set as they come. */
static int read_members(struct json_reader *reader, const struct leat_xdr_node *node, uint32_t count, uint8_t *seen,
                        void *ret_value) {
        const char *name = NULL;
        size_t size = 0;
        uint32_t guess = 0;
        int r;
        for (bool first = true; (r = json_next_member(reader, first, &name, &size)) > 0; first = false) {
                int64_t at = find_field(reader, node->first, count, guess, name, size);
                size_t place = (size_t)(name - reader->json.text) - 1;
                if (at < 0)
                        return json_refuse(reader, place, LEAT_XDR_UNKNOWN_FIELD, 0, 0);
                const struct leat_xdr_field *field = &reader->schema->fields[node->first + at];
                if (seen[at / 8] & 1u << at % 8)
                        return refuse_field(reader, place, LEAT_XDR_WRONG_JSON, field);
                seen[at / 8] |= (uint8_t)(1u << at % 8);
                guess = (uint32_t)at + 1 < count ? (uint32_t)at + 1 : 0;
                r = read_field(reader, field, ret_value);
                if (r < 0)
                        return r;
        }
        return r;
}

static int read_fields(struct json_reader *reader, const struct leat_xdr_node *node, uint32_t count, void *ret_value) {
        uint8_t few[16] = { 0 }, *seen = few;
        FREE_AT_EXIT uint8_t *many = NULL;
        int r = open_bracket(reader, '{');
        if (r < 0)
                return r;
        if (count > 8 * sizeof(few)) {
                seen = many = calloc(count / 8 + 1, 1);
                if (!many) {
                        json_refuse(reader, reader->json.at, LEAT_XDR_NO_MEMORY, 0, 0);
                        return -ENOMEM;
                }
        }
        memset(ret_value, 0, node->size);
        r = read_members(reader, node, count, seen, ret_value);
        for (uint32_t i = 0; i < count && r == 0; i++) {
                const struct leat_xdr_field *field = &reader->schema->fields[node->first + i];
                if (!(seen[i / 8] & 1u << i % 8) && !may_be_missing(reader, field))
                        r = refuse_field(reader, reader->json.at, LEAT_XDR_MISSING_FIELD, field);
        }
        return r;
}

static int read_struct(struct json_reader *reader, const struct leat_xdr_node *node, void *ret_value) {
        if (!xdr_enter(&reader->depth, node))
                return too_deep(reader);
        int r = read_fields(reader, node, node->count, ret_value);
        xdr_leave(&reader->depth, node);
        return r;
}

static int read_link(struct json_reader *reader, const struct leat_xdr_node *link, uint64_t index, void **ret_link) {
        int r = json_reserve(reader, link->size, ret_link);
        if (r == 0)
                r = read_fields(reader, link, link->count - 1u, *ret_link);
        if (r < 0)
                xdr_trouble_in_item(&reader->trouble, index);
        return r;
}

/* Each one is hung to the one before it. */
static int read_links(struct json_reader *reader, const struct leat_xdr_node *node, void *ret_first) {
        const struct leat_xdr_node *link = xdr_node(reader->schema, node->first);
        uint32_t next = xdr_next_offset(reader->schema, link);
        int r = 0;
        for (uint64_t i = 0; (r = json_next_item(reader, i == 0)) > 0; i++) {
                void *read = NULL;
                r = read_link(reader, link, i, &read);
                if (r < 0)
                        return r;
                store_pointer(ret_first, read);
                ret_first = (char *)read + next;
        }
        return r;
}

static int read_chain(struct json_reader *reader, const struct leat_xdr_node *node, void *ret_value) {
        const struct leat_xdr_node *link = xdr_node(reader->schema, node->first);
        store_pointer(ret_value, NULL);
        int r = open_bracket(reader, '[');
        if (r < 0 || json_take(&reader->json, ']'))
                return r;
        if (!xdr_enter(&reader->depth, link))
                return too_deep(reader);
        r = read_links(reader, node, ret_value);
        xdr_leave(&reader->depth, link);
        return r;
}

/* ---- unions ---- */

struct members {
        bool discriminant;
        const struct leat_xdr_field *arm; /* NULL: none was there */
};

/* The arm of that name; the labels tell which ones there are. */
static const struct leat_xdr_field *find_arm(const struct json_reader *reader, const struct leat_xdr_node *node,
                                             const char *name, size_t size) {
        const struct leat_xdr_field *fields = &reader->schema->fields[node->first];
        bool has_default = node->flags & LEAT_XDR_FLAG_DEFAULT;
        for (uint32_t i = 0; i < (uint32_t)node->count + has_default; i++) {
                uint32_t which = i < node->count ? reader->schema->values[node->bound + i].name : 1;
                if (fields[which].node != 0 && json_is(name, size, xdr_field_name(reader->schema, &fields[which])))
                        return &fields[which];
        }
        return NULL;
}

/* The discriminant, or an arm: which one it should be is known when all is read. */
static int read_union_member(struct json_reader *reader, const struct leat_xdr_node *node, const char *name,
                             size_t size, struct members *members, void *ret_value) {
        const struct leat_xdr_field *discriminant = &reader->schema->fields[node->first];
        size_t place = (size_t)(name - reader->json.text) - 1;
        if (!members->discriminant && json_is(name, size, xdr_field_name(reader->schema, discriminant))) {
                members->discriminant = true;
                return read_field(reader, discriminant, ret_value);
        }
        const struct leat_xdr_field *arm = find_arm(reader, node, name, size);
        if (!arm)
                return json_refuse(reader, place, LEAT_XDR_UNKNOWN_FIELD, 0, 0);
        if (members->arm)
                return refuse_field(reader, place, LEAT_XDR_WRONG_JSON, arm);
        members->arm = arm;
        return read_field(reader, arm, ret_value);
}

/* Does what came belong together? */
static int check_arm(struct json_reader *reader, const struct leat_xdr_node *node, const struct members *members,
                     const void *value) {
        const struct leat_xdr_field *field = &reader->schema->fields[node->first];
        if (!members->discriminant)
                return refuse_field(reader, reader->json.at, LEAT_XDR_MISSING_FIELD, field);
        int32_t number = discriminant_of(reader->schema, node, value);
        const struct leat_xdr_field *arm = xdr_find_arm(reader->schema, node, number);
        if (!arm)
                return json_refuse(reader, reader->json.at, LEAT_XDR_UNKNOWN_ARM, (uint64_t)(int64_t)number, 0);
        if (members->arm && members->arm != arm)
                return refuse_field(reader, reader->json.at, LEAT_XDR_UNKNOWN_FIELD, members->arm);
        if (!members->arm && !may_be_missing(reader, arm))
                return refuse_field(reader, reader->json.at, LEAT_XDR_MISSING_FIELD, arm);
        return 0;
}

static int read_both(struct json_reader *reader, const struct leat_xdr_node *node, void *ret_value) {
        struct members members = { 0 };
        const char *name = NULL;
        size_t size = 0;
        int r = open_bracket(reader, '{');
        if (r < 0)
                return r;
        memset(ret_value, 0, node->size);
        for (bool first = true; (r = json_next_member(reader, first, &name, &size)) > 0; first = false) {
                r = read_union_member(reader, node, name, size, &members, ret_value);
                if (r < 0)
                        return r;
        }
        return r < 0 ? r : check_arm(reader, node, &members, ret_value);
}

static int read_union(struct json_reader *reader, const struct leat_xdr_node *node, void *ret_value) {
        if (!xdr_enter(&reader->depth, node))
                return too_deep(reader);
        int r = read_both(reader, node, ret_value);
        xdr_leave(&reader->depth, node);
        return r;
}

static json_read_kind *const kinds[] = {
        [LEAT_XDR_KIND_VOID] = read_void,
        [LEAT_XDR_KIND_INT] = json_read_integer,
        [LEAT_XDR_KIND_UNSIGNED] = json_read_integer,
        [LEAT_XDR_KIND_HYPER] = json_read_integer,
        [LEAT_XDR_KIND_UNSIGNED_HYPER] = json_read_integer,
        [LEAT_XDR_KIND_FLOAT] = json_read_float,
        [LEAT_XDR_KIND_DOUBLE] = json_read_float,
        [LEAT_XDR_KIND_QUADRUPLE] = json_read_fixed,
        [LEAT_XDR_KIND_BOOL] = json_read_bool,
        [LEAT_XDR_KIND_CHAR] = json_read_integer,
        [LEAT_XDR_KIND_UNSIGNED_CHAR] = json_read_integer,
        [LEAT_XDR_KIND_SHORT] = json_read_integer,
        [LEAT_XDR_KIND_UNSIGNED_SHORT] = json_read_integer,
        [LEAT_XDR_KIND_ENUM] = json_read_enum,
        [LEAT_XDR_KIND_FIXED] = json_read_fixed,
        [LEAT_XDR_KIND_BYTES] = json_read_bytes,
        [LEAT_XDR_KIND_STRING] = json_read_string,
        [LEAT_XDR_KIND_ARRAY] = read_array,
        [LEAT_XDR_KIND_LIST] = read_list,
        [LEAT_XDR_KIND_OPTIONAL] = read_optional,
        [LEAT_XDR_KIND_HELD] = read_held,
        [LEAT_XDR_KIND_CHAIN] = read_chain,
        [LEAT_XDR_KIND_STRUCT] = read_struct,
        [LEAT_XDR_KIND_UNION] = read_union,
};
static_assert(sizeof(kinds) / sizeof(kinds[0]) == LEAT_XDR_KIND_MAX + 1, "a reader for each kind");

static int read_value(struct json_reader *reader, uint32_t index, void *ret_value) {
        const struct leat_xdr_node *node = xdr_node(reader->schema, index);
        return kinds[node->kind](reader, node, ret_value);
}

int leat_xdr_from_json(struct leat_xdr_type type, const char *text, size_t size_bytes, struct leat_xdr_arena *arena,
                       void *ret_value, struct leat_xdr_fault *ret_fault) {
        struct json_reader reader = { .json = { .text = text, .size = size_bytes },
                                      .schema = type.schema,
                                      .arena = arena,
                                      .depth = LEAT_XDR_DEPTH_MOST };
        int r = xdr_type_check(type);
        if (r == 0 && (!arena || (!text && size_bytes > 0) ||
                       (!ret_value && xdr_node(type.schema, type.node)->kind != LEAT_XDR_KIND_VOID)))
                r = -EINVAL;
        if (r < 0)
                return xdr_fault_tell(ret_fault, LEAT_XDR_OK, r);
        if (!text)
                reader.json.text = "";
        struct xdr_arena_mark mark = xdr_arena_mark(arena);
        r = read_value(&reader, type.node, ret_value);
        if (r == 0) {
                (void)json_peek(&reader.json);
                if (reader.json.at < size_bytes)
                        r = json_refuse(&reader, reader.json.at, LEAT_XDR_TRAILING, size_bytes - reader.json.at, 0);
        }
        if (r == 0)
                return xdr_fault_tell(ret_fault, LEAT_XDR_OK, 0);
        xdr_arena_set_back(arena, mark);
        return xdr_trouble_tell(&reader.trouble, false, ret_fault);
}
