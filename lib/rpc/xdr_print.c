/* SPDX-License-Identifier: MIT */
#include "rpc/xdr_fault.h"
#include "rpc/xdr_json.h"
#include "rpc/xdr_wire.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/*
 * A value for a person:
 *
 *     path: "/srv/a \"b\""
 *     kind: FILE
 *     digest: 00ff13... (20 bytes)
 *     entries: (2)
 *       [0]:
 *         size: 17
 *       [1]:
 *         size: 18
 *     next: null
 *
 * It shows what is there, also what does not encode: an unknown value of an enumeration as its number, a union without an arm for its
 * discriminant as the discriminant alone, a pointer that is missing as NULL. Of opaque bytes the first 32 are shown.
 */

#define INDENT 2
#define BYTES_SHOWN 32
#define ENDED 1 /* as a text's error: nothing more is written */

struct printer {
        struct xdr_text text;
        const struct leat_xdr_schema *schema;
        uint32_t depth;
        size_t indent; /* of what stands within the value that is printed */
        bool labelled; /* a name and a colon stand before it on its line */
};

typedef void print_kind(struct printer *printer, const struct leat_xdr_node *node, const void *value);

static void print_value(struct printer *printer, uint32_t index, const void *value);

/* ---- lines ---- */

static void begin(struct printer *printer) {
        if (printer->labelled)
                xdr_text_character(&printer->text, ' ');
}

static void line(struct printer *printer, const char *text) {
        begin(printer);
        xdr_text_string(&printer->text, text);
        xdr_text_character(&printer->text, '\n');
}

/* A part stands behind a colon, and what it has within it further right. Returns what end_part() is given. */
static bool begin_part(struct printer *printer) {
        bool before = printer->labelled;
        xdr_text_character(&printer->text, ':');
        printer->labelled = true;
        printer->indent += INDENT;
        return before;
}

static void end_part(struct printer *printer, bool before) {
        printer->indent -= INDENT;
        printer->labelled = before;
}

static void print_part(struct printer *printer, uint32_t index, const void *value) {
        bool before = begin_part(printer);
        print_value(printer, index, value);
        end_part(printer, before);
}

static void print_field(struct printer *printer, const struct leat_xdr_field *field, const void *value) {
        xdr_text_spaces(&printer->text, printer->indent);
        xdr_text_string(&printer->text, xdr_field_name(printer->schema, field));
        print_part(printer, field->node, (const char *)value + field->offset);
}

static void put_index(struct printer *printer, uint64_t index) {
        xdr_text_spaces(&printer->text, printer->indent);
        xdr_text_character(&printer->text, '[');
        xdr_text_unsigned(&printer->text, index);
        xdr_text_character(&printer->text, ']');
}

/* Parts stand on lines of their own. */
static void begin_parts(struct printer *printer) {
        if (printer->labelled)
                xdr_text_character(&printer->text, '\n');
}

/* ---- values without parts ---- */

static void print_void(struct printer *printer, const struct leat_xdr_node *node, const void *value) {
        (void)node, (void)value;
        line(printer, "void");
}

static void print_integer(struct printer *printer, const struct leat_xdr_node *node, const void *value) {
        begin(printer);
        json_put_integer(&printer->text, node, value);
        xdr_text_character(&printer->text, '\n');
}

static void print_bool(struct printer *printer, const struct leat_xdr_node *node, const void *value) {
        (void)node;
        line(printer, *(const uint8_t *)value ? "true" : "false");
}

static void print_enum(struct printer *printer, const struct leat_xdr_node *node, const void *value) {
        const struct leat_xdr_value *known =
                xdr_find_value(&printer->schema->values[node->first], node->count, (int32_t)load32(value));
        if (known)
                line(printer, xdr_name(printer->schema, known->name));
        else
                print_integer(printer, node, value);
}

static void print_float(struct printer *printer, const struct leat_xdr_node *node, const void *value) {
        begin(printer);
        json_put_float(&printer->text, node, value, "");
        xdr_text_character(&printer->text, '\n');
}

static void put_hex(struct printer *printer, const void *bytes, size_t size) {
        begin(printer);
        xdr_text_hex(&printer->text, bytes, size < BYTES_SHOWN ? size : BYTES_SHOWN);
        xdr_text_string(&printer->text, size > BYTES_SHOWN ? "... (" : size > 0 ? " (" : "(");
        xdr_text_unsigned(&printer->text, size);
        xdr_text_string(&printer->text, size == 1 ? " byte)\n" : " bytes)\n");
}

static void print_fixed(struct printer *printer, const struct leat_xdr_node *node, const void *value) {
        bool quadruple = node->kind == LEAT_XDR_KIND_QUADRUPLE;
        put_hex(printer, value, quadruple ? sizeof(struct leat_xdr_quadruple) : node->bound);
}

static void print_bytes(struct printer *printer, const struct leat_xdr_node *node, const void *value) {
        const struct leat_xdr_bytes *bytes = value;
        (void)node;
        if (bytes->size_bytes > 0 && !bytes->bytes)
                line(printer, "NULL");
        else
                put_hex(printer, bytes->bytes, bytes->size_bytes);
}

/* How many bytes of a text stand as they are, up to the first that is no UTF-8, or that a terminal takes for a command. */
static size_t plain_length(const char *text, size_t size) {
        for (size_t at = 0, length; at < size; at += length) {
                const uint8_t *bytes = (const uint8_t *)text + at;
                length = xdr_utf8_length(text + at, size - at);
                /* U+0080 to U+009F are commands too. */
                bool command =
                        bytes[0] < 0x20 || bytes[0] == 0x7f || (bytes[0] == 0xc2 && length == 2 && bytes[1] < 0xa0);
                if (length == 0 || command || bytes[0] == '"' || bytes[0] == '\\')
                        return at;
        }
        return size;
}

static void put_escaped(struct printer *printer, char character) {
        static const char names[] = "\"\"\\\\\nn\rr\tt";
        char text[8];
        for (size_t i = 0; i + 1 < sizeof(names); i += 2) {
                if (names[i] != character)
                        continue;
                xdr_text_character(&printer->text, '\\');
                xdr_text_character(&printer->text, names[i + 1]);
                return;
        }
        (void)snprintf(text, sizeof(text), "\\x%02x", (uint8_t)character);
        xdr_text_string(&printer->text, text);
}

static void print_string(struct printer *printer, const struct leat_xdr_node *node, const void *value) {
        const struct leat_xdr_string *string = value;
        (void)node;
        if (string->size_bytes > 0 && !string->text) {
                line(printer, "NULL");
                return;
        }
        begin(printer);
        xdr_text_character(&printer->text, '"');
        for (size_t at = 0; at < string->size_bytes && printer->text.error == 0; at++) {
                size_t plain = plain_length(string->text + at, string->size_bytes - at);
                xdr_text_put(&printer->text, string->text + at, plain);
                at += plain;
                if (at < string->size_bytes)
                        put_escaped(printer, string->text[at]);
        }
        xdr_text_string(&printer->text, "\"\n");
}

/* ---- what has parts ---- */

static void print_items(struct printer *printer, uint32_t item, const void *items, uint32_t count) {
        size_t size = xdr_node(printer->schema, item)->size;
        begin(printer);
        xdr_text_character(&printer->text, '(');
        xdr_text_unsigned(&printer->text, count);
        xdr_text_string(&printer->text, ")\n");
        for (uint32_t i = 0; i < count && printer->text.error == 0; i++) {
                put_index(printer, i);
                print_part(printer, item, (const char *)items + i * size);
        }
}

static void print_array(struct printer *printer, const struct leat_xdr_node *node, const void *value) {
        print_items(printer, node->first, value, node->bound);
}

static void print_list(struct printer *printer, const struct leat_xdr_node *node, const void *value) {
        struct leat_xdr_list list = load_list(value);
        if (list.count > 0 && !list.items)
                line(printer, "NULL");
        else
                print_items(printer, node->first, list.items, list.count);
}

static void print_pointer(struct printer *printer, const struct leat_xdr_node *node, const void *value) {
        const void *pointer = load_pointer(value);
        if (pointer)
                print_value(printer, node->first, pointer);
        else
                line(printer, node->kind == LEAT_XDR_KIND_HELD ? "NULL" : "null");
}

static void print_fields(struct printer *printer, const struct leat_xdr_node *node, uint32_t count, const void *value) {
        begin_parts(printer);
        for (uint32_t i = 0; i < count && printer->text.error == 0; i++)
                print_field(printer, &printer->schema->fields[node->first + i], value);
}

/* The value goes on for ever, maybe, and in more than one place: it is shown up to here. */
static void end(struct printer *printer) {
        xdr_text_string(&printer->text, "...\n");
        if (printer->text.error == 0)
                printer->text.error = ENDED;
}

static bool enter(struct printer *printer, const struct leat_xdr_node *node) {
        if (xdr_enter(&printer->depth, node))
                return true;
        begin(printer);
        end(printer);
        return false;
}

static void print_struct(struct printer *printer, const struct leat_xdr_node *node, const void *value) {
        if (!enter(printer, node))
                return;
        print_fields(printer, node, node->count, value);
        xdr_leave(&printer->depth, node);
}

static void print_link(struct printer *printer, const struct leat_xdr_node *link, const void *value, uint64_t index) {
        put_index(printer, index);
        bool before = begin_part(printer);
        print_fields(printer, link, link->count - 1u, value);
        end_part(printer, before);
}

static void print_chain(struct printer *printer, const struct leat_xdr_node *node, const void *value) {
        const struct leat_xdr_node *link = xdr_node(printer->schema, node->first);
        uint32_t next = xdr_next_offset(printer->schema, link);
        const char *at = load_pointer(value);
        if (!at) {
                line(printer, "(0)");
                return;
        }
        if (!enter(printer, link))
                return;
        struct circle circle = { 0 };
        begin_parts(printer);
        for (uint64_t i = 0; at && printer->text.error == 0; i++) {
                if (circle_closes(&circle, at, i)) {
                        xdr_text_spaces(&printer->text, printer->indent);
                        end(printer);
                        break;
                }
                print_link(printer, link, at, i);
                at = load_pointer(at + next);
        }
        xdr_leave(&printer->depth, link);
}

static void print_union(struct printer *printer, const struct leat_xdr_node *node, const void *value) {
        const struct leat_xdr_field *field = &printer->schema->fields[node->first];
        if (!enter(printer, node))
                return;
        const struct leat_xdr_field *arm = arm_of(printer->schema, node, value);
        begin_parts(printer);
        print_field(printer, field, value);
        if (arm && arm->node != 0)
                print_field(printer, arm, value);
        xdr_leave(&printer->depth, node);
}

static print_kind *const kinds[] = {
        [LEAT_XDR_KIND_VOID] = print_void,
        [LEAT_XDR_KIND_INT] = print_integer,
        [LEAT_XDR_KIND_UNSIGNED] = print_integer,
        [LEAT_XDR_KIND_HYPER] = print_integer,
        [LEAT_XDR_KIND_UNSIGNED_HYPER] = print_integer,
        [LEAT_XDR_KIND_FLOAT] = print_float,
        [LEAT_XDR_KIND_DOUBLE] = print_float,
        [LEAT_XDR_KIND_QUADRUPLE] = print_fixed,
        [LEAT_XDR_KIND_BOOL] = print_bool,
        [LEAT_XDR_KIND_CHAR] = print_integer,
        [LEAT_XDR_KIND_UNSIGNED_CHAR] = print_integer,
        [LEAT_XDR_KIND_SHORT] = print_integer,
        [LEAT_XDR_KIND_UNSIGNED_SHORT] = print_integer,
        [LEAT_XDR_KIND_ENUM] = print_enum,
        [LEAT_XDR_KIND_FIXED] = print_fixed,
        [LEAT_XDR_KIND_BYTES] = print_bytes,
        [LEAT_XDR_KIND_STRING] = print_string,
        [LEAT_XDR_KIND_ARRAY] = print_array,
        [LEAT_XDR_KIND_LIST] = print_list,
        [LEAT_XDR_KIND_OPTIONAL] = print_pointer,
        [LEAT_XDR_KIND_HELD] = print_pointer,
        [LEAT_XDR_KIND_CHAIN] = print_chain,
        [LEAT_XDR_KIND_STRUCT] = print_struct,
        [LEAT_XDR_KIND_UNION] = print_union,
};
static_assert(sizeof(kinds) / sizeof(kinds[0]) == LEAT_XDR_KIND_MAX + 1, "a printer for each kind");

static void print_value(struct printer *printer, uint32_t index, const void *value) {
        const struct leat_xdr_node *node = xdr_node(printer->schema, index);
        kinds[node->kind](printer, node, value);
}

int leat_xdr_print(struct leat_xdr_type type, const void *value, struct leat_xdr_buffer *buffer) {
        struct printer printer = { .text = { .buffer = buffer }, .schema = type.schema, .depth = LEAT_XDR_DEPTH_MOST };
        int r = xdr_type_check(type);
        if (r < 0)
                return r;
        if (!buffer || (!value && xdr_node(type.schema, type.node)->kind != LEAT_XDR_KIND_VOID))
                return -EINVAL;
        size_t before = buffer->size_bytes;
        print_value(&printer, type.node, value);
        if (printer.text.error >= 0)
                return 0;
        buffer->size_bytes = before;
        return printer.text.error;
}
