/* SPDX-License-Identifier: MIT */
#include "rpc/xdr_buffer.h"
#include "rpc/xdr_fault.h"
#include "rpc/xdr_json.h"
#include "rpc/xdr_wire.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

/* A value as JSON: the table is walked, and text appended. A chain is written by a loop. */

struct writer {
        struct xdr_text text;
        const struct leat_xdr_schema *schema;
        struct xdr_trouble trouble;
        uint32_t depth; /* how many more levels */
};

typedef int write_kind(struct writer *writer, const struct leat_xdr_node *node, const void *value);

/* What is wrong with the value; its path is put before it on the way out. Returns -EINVAL. */
static int refuse(struct writer *writer, enum leat_xdr_what what, uint64_t value, uint64_t limit) {
        xdr_trouble_set(&writer->trouble, what, 0, value, limit);
        return -EINVAL;
}

static int write_value(struct writer *writer, uint32_t index, const void *value);

/* ---- numbers ---- */

static int write_void(struct writer *writer, const struct leat_xdr_node *node, const void *value) {
        (void)node, (void)value;
        xdr_text_string(&writer->text, "null");
        return 0;
}

void json_put_integer(struct xdr_text *text, const struct leat_xdr_node *node, const void *value) {
        uint64_t number = xdr_plain_width(node) == sizeof(number) ? load64(value)
                                                                  : widen(node->kind, load_narrow(node->kind, value));
        if (is_unsigned(node->kind))
                xdr_text_unsigned(text, number);
        else
                xdr_text_signed(text, (int64_t)number);
}

static int write_integer(struct writer *writer, const struct leat_xdr_node *node, const void *value) {
        json_put_integer(&writer->text, node, value);
        return 0;
}

static int write_bool(struct writer *writer, const struct leat_xdr_node *node, const void *value) {
        (void)node;
        xdr_text_string(&writer->text, *(const uint8_t *)value ? "true" : "false");
        return 0;
}

static int write_enum(struct writer *writer, const struct leat_xdr_node *node, const void *value) {
        const struct leat_xdr_value *known =
                xdr_find_value(&writer->schema->values[node->first], node->count, (int32_t)load32(value));
        if (!known)
                return write_integer(writer, node, value);
        xdr_text_character(&writer->text, '"');
        xdr_text_string(&writer->text, xdr_name(writer->schema, known->name));
        xdr_text_character(&writer->text, '"');
        return 0;
}

void json_put_float(struct xdr_text *text, const struct leat_xdr_node *node, const void *value, const char *quote) {
        bool narrow = node->kind == LEAT_XDR_KIND_FLOAT;
        uint64_t bits = narrow ? load32(value) : load64(value);
        char made[JSON_SPECIAL_MAX], number[XDR_FLOAT_TEXT];
        const char *special = json_special_text(bits, narrow, made);
        if (!special) {
                xdr_text_put(text, number, xdr_float_text(bits, narrow, number));
                return;
        }
        xdr_text_string(text, quote);
        xdr_text_string(text, special);
        xdr_text_string(text, quote);
}

static int write_float(struct writer *writer, const struct leat_xdr_node *node, const void *value) {
        json_put_float(&writer->text, node, value, "\"");
        return 0;
}

/* ---- bytes ---- */

static void write_hex(struct writer *writer, const void *bytes, size_t size) {
        xdr_text_character(&writer->text, '"');
        xdr_text_hex(&writer->text, bytes, size);
        xdr_text_character(&writer->text, '"');
}

static int write_fixed(struct writer *writer, const struct leat_xdr_node *node, const void *value) {
        bool quadruple = node->kind == LEAT_XDR_KIND_QUADRUPLE;
        write_hex(writer, value, quadruple ? sizeof(struct leat_xdr_quadruple) : node->bound);
        return 0;
}

/* Lengths that a value says itself: within its bound, and something where it points to. */
static int check_length(struct writer *writer, const struct leat_xdr_node *node, const void *items, uint32_t count) {
        if (count > node->bound)
                return refuse(writer, LEAT_XDR_TOO_LONG, count, node->bound);
        if (count > 0 && !items)
                return refuse(writer, LEAT_XDR_NULL, count, 0);
        return 0;
}

static int write_bytes(struct writer *writer, const struct leat_xdr_node *node, const void *value) {
        const struct leat_xdr_bytes *bytes = value;
        int r = check_length(writer, node, bytes->bytes, bytes->size_bytes);
        if (r == 0)
                write_hex(writer, bytes->bytes, bytes->size_bytes);
        return r;
}

/* A character that must not stand in a string as it is: its escape. Returns 0: it may. */
static size_t escape(uint8_t character, char ret_text[8]) {
        static const char names[] = "\"\"\\\\\bb\ff\nn\rr\tt";
        if (character >= 0x20 && character != '"' && character != '\\')
                return 0;
        for (size_t i = 0; i + 1 < sizeof(names); i += 2)
                if ((uint8_t)names[i] == character)
                        return (size_t)snprintf(ret_text, 8, "\\%c", names[i + 1]);
        return (size_t)snprintf(ret_text, 8, "\\u%04x", character);
}

static void write_text(struct writer *writer, const char *text, size_t size) {
        size_t begin = 0;
        char escaped[8];
        xdr_text_character(&writer->text, '"');
        for (size_t at = 0; at < size; at++) {
                size_t length = escape((uint8_t)text[at], escaped);
                if (length == 0)
                        continue;
                xdr_text_put(&writer->text, text + begin, at - begin);
                xdr_text_put(&writer->text, escaped, length);
                begin = at + 1;
        }
        if (size > begin)
                xdr_text_put(&writer->text, text + begin, size - begin);
        xdr_text_character(&writer->text, '"');
}

static int write_string(struct writer *writer, const struct leat_xdr_node *node, const void *value) {
        const struct leat_xdr_string *string = value;
        int r = check_length(writer, node, string->text, string->size_bytes);
        if (r < 0)
                return r;
        if (xdr_utf8_valid(string->text, string->size_bytes) == string->size_bytes) {
                write_text(writer, string->text, string->size_bytes);
                return 0;
        }
        xdr_text_string(&writer->text, "{\"bytes\": ");
        write_hex(writer, string->text, string->size_bytes);
        xdr_text_character(&writer->text, '}');
        return 0;
}

/* ---- what has parts ---- */

static int write_items(struct writer *writer, uint32_t item, const void *items, uint32_t count) {
        size_t size = xdr_node(writer->schema, item)->size;
        int r = 0;
        xdr_text_character(&writer->text, '[');
        for (uint32_t i = 0; i < count && r == 0 && writer->text.error == 0; i++) {
                if (i > 0)
                        xdr_text_string(&writer->text, ", ");
                r = write_value(writer, item, (const char *)items + i * size);
                if (r < 0)
                        xdr_trouble_in_item(&writer->trouble, i);
        }
        xdr_text_character(&writer->text, ']');
        return r;
}

static int write_array(struct writer *writer, const struct leat_xdr_node *node, const void *value) {
        return write_items(writer, node->first, value, node->bound);
}

static int write_list(struct writer *writer, const struct leat_xdr_node *node, const void *value) {
        struct leat_xdr_list list = load_list(value);
        int r = check_length(writer, node, list.items, list.count);
        return r < 0 ? r : write_items(writer, node->first, list.items, list.count);
}

static int write_optional(struct writer *writer, const struct leat_xdr_node *node, const void *value) {
        const void *pointer = load_pointer(value);
        if (!pointer)
                return write_void(writer, node, value);
        bool wrap = json_may_be_null(writer->schema, node->first);
        if (wrap)
                xdr_text_character(&writer->text, '[');
        int r = write_value(writer, node->first, pointer);
        if (wrap)
                xdr_text_character(&writer->text, ']');
        return r;
}

static int write_held(struct writer *writer, const struct leat_xdr_node *node, const void *value) {
        const void *pointer = load_pointer(value);
        return pointer ? write_value(writer, node->first, pointer) : refuse(writer, LEAT_XDR_NULL, 0, 0);
}

static int write_field(struct writer *writer, const struct leat_xdr_field *field, const void *value, bool first) {
        const char *name = xdr_field_name(writer->schema, field);
        xdr_text_string(&writer->text, first ? "\"" : ", \"");
        xdr_text_string(&writer->text, name);
        xdr_text_string(&writer->text, "\": ");
        int r = write_value(writer, field->node, (const char *)value + field->offset);
        if (r < 0)
                xdr_trouble_in_field(&writer->trouble, name);
        return r < 0 ? r : writer->text.error;
}

static int write_fields(struct writer *writer, const struct leat_xdr_node *node, uint32_t count, const void *value) {
        int r = 0;
        xdr_text_character(&writer->text, '{');
        for (uint32_t i = 0; i < count && r == 0; i++)
                r = write_field(writer, &writer->schema->fields[node->first + i], value, i == 0);
        xdr_text_character(&writer->text, '}');
        return r;
}

static int too_deep(struct writer *writer) {
        return refuse(writer, LEAT_XDR_TOO_DEEP, 0, LEAT_XDR_DEPTH_MOST);
}

static int write_struct(struct writer *writer, const struct leat_xdr_node *node, const void *value) {
        if (!xdr_enter(&writer->depth, node))
                return too_deep(writer);
        int r = write_fields(writer, node, node->count, value);
        xdr_leave(&writer->depth, node);
        return r;
}

static int write_link(struct writer *writer, const struct leat_xdr_node *link, const void *value, uint64_t index) {
        if (index > 0)
                xdr_text_string(&writer->text, ", ");
        int r = write_fields(writer, link, link->count - 1u, value);
        if (r < 0)
                xdr_trouble_in_item(&writer->trouble, index);
        return r;
}

static int write_chain(struct writer *writer, const struct leat_xdr_node *node, const void *value) {
        const struct leat_xdr_node *link = xdr_node(writer->schema, node->first);
        uint32_t next = xdr_next_offset(writer->schema, link);
        const char *at = load_pointer(value);
        struct circle circle = { 0 };
        int r = 0;
        if (at && !xdr_enter(&writer->depth, link))
                return too_deep(writer);
        xdr_text_character(&writer->text, '[');
        for (uint64_t i = 0; at && r == 0 && writer->text.error == 0; i++) {
                if (circle_closes(&circle, at, i)) {
                        xdr_trouble_set(&writer->trouble, LEAT_XDR_TOO_DEEP, 0, i, i);
                        xdr_trouble_in_item(&writer->trouble, i);
                        return -EINVAL;
                }
                r = write_link(writer, link, at, i);
                at = load_pointer(at + next);
        }
        xdr_text_character(&writer->text, ']');
        if (load_pointer(value))
                xdr_leave(&writer->depth, link);
        return r;
}

static int write_members(struct writer *writer, const struct leat_xdr_node *node, const void *value) {
        const struct leat_xdr_field *field = &writer->schema->fields[node->first];
        int32_t number = discriminant_of(writer->schema, node, value);
        const struct leat_xdr_field *arm = xdr_find_arm(writer->schema, node, number);
        if (!arm)
                return refuse(writer, LEAT_XDR_UNKNOWN_ARM, (uint64_t)(int64_t)number, 0);
        xdr_text_character(&writer->text, '{');
        int r = write_field(writer, field, value, true);
        if (r == 0 && arm->node != 0)
                r = write_field(writer, arm, value, false);
        xdr_text_character(&writer->text, '}');
        return r;
}

static int write_union(struct writer *writer, const struct leat_xdr_node *node, const void *value) {
        if (!xdr_enter(&writer->depth, node))
                return too_deep(writer);
        int r = write_members(writer, node, value);
        xdr_leave(&writer->depth, node);
        return r;
}

static write_kind *const kinds[] = {
        [LEAT_XDR_KIND_VOID] = write_void,
        [LEAT_XDR_KIND_INT] = write_integer,
        [LEAT_XDR_KIND_UNSIGNED] = write_integer,
        [LEAT_XDR_KIND_HYPER] = write_integer,
        [LEAT_XDR_KIND_UNSIGNED_HYPER] = write_integer,
        [LEAT_XDR_KIND_FLOAT] = write_float,
        [LEAT_XDR_KIND_DOUBLE] = write_float,
        [LEAT_XDR_KIND_QUADRUPLE] = write_fixed,
        [LEAT_XDR_KIND_BOOL] = write_bool,
        [LEAT_XDR_KIND_CHAR] = write_integer,
        [LEAT_XDR_KIND_UNSIGNED_CHAR] = write_integer,
        [LEAT_XDR_KIND_SHORT] = write_integer,
        [LEAT_XDR_KIND_UNSIGNED_SHORT] = write_integer,
        [LEAT_XDR_KIND_ENUM] = write_enum,
        [LEAT_XDR_KIND_FIXED] = write_fixed,
        [LEAT_XDR_KIND_BYTES] = write_bytes,
        [LEAT_XDR_KIND_STRING] = write_string,
        [LEAT_XDR_KIND_ARRAY] = write_array,
        [LEAT_XDR_KIND_LIST] = write_list,
        [LEAT_XDR_KIND_OPTIONAL] = write_optional,
        [LEAT_XDR_KIND_HELD] = write_held,
        [LEAT_XDR_KIND_CHAIN] = write_chain,
        [LEAT_XDR_KIND_STRUCT] = write_struct,
        [LEAT_XDR_KIND_UNION] = write_union,
};
static_assert(sizeof(kinds) / sizeof(kinds[0]) == LEAT_XDR_KIND_MAX + 1, "a writer for each kind");

static int write_value(struct writer *writer, uint32_t index, const void *value) {
        const struct leat_xdr_node *node = xdr_node(writer->schema, index);
        return kinds[node->kind](writer, node, value);
}

int leat_xdr_to_json(struct leat_xdr_type type, const void *value, struct leat_xdr_buffer *buffer,
                     struct leat_xdr_fault *ret_fault) {
        struct writer writer = { .text = { .buffer = buffer }, .schema = type.schema, .depth = LEAT_XDR_DEPTH_MOST };
        int r = xdr_type_check(type);
        if (r == 0 && !buffer)
                r = -EINVAL;
        if (r < 0)
                return xdr_fault_tell(ret_fault, LEAT_XDR_OK, r);
        if (!value && xdr_node(type.schema, type.node)->kind != LEAT_XDR_KIND_VOID)
                return xdr_fault_tell_nothing(type, ret_fault);
        size_t before = buffer->size_bytes;
        xdr_trouble_begin(&writer.trouble); /* a buffer that is full goes the same way out */
        r = write_value(&writer, type.node, value);
        if (writer.text.error < 0) {
                bool full = writer.text.error == -EMSGSIZE;
                xdr_trouble_set(&writer.trouble, full ? LEAT_XDR_NO_ROOM : LEAT_XDR_NO_MEMORY, 0, 0,
                                full ? xdr_buffer_most(buffer) : 0);
                r = writer.text.error;
        }
        if (r == 0)
                return xdr_fault_tell(ret_fault, LEAT_XDR_OK, 0);
        buffer->size_bytes = before;
        return xdr_trouble_tell(&writer.trouble, true, ret_fault);
}
