/* SPDX-License-Identifier: MIT */
#include "rpc/xdr_buffer.h"
#include "rpc/xdr_fault.h"
#include "rpc/xdr_parts.h"
#include "rpc/xdr_size.h"
#include "rpc/xdr_wire.h"

#include <errno.h>

/*
 * Encoding by the table. Like straight code it gives up with NULL and says nothing: leat_xdr_encode() then goes over the value once more
 * (xdr_size.c) to see what was wrong and where.
 */

struct walk {
        struct leat_xdr_encoder *encoder;
        const struct leat_xdr_schema *schema;
        uint32_t depth;          /* how many more levels */
        struct xdr_parts *parts; /* what is large stays where it is, and is told here; or NULL */
};

static uint8_t *encode_other(struct walk *walk, uint8_t *at, const struct leat_xdr_node *node, const uint8_t *value);

/* Bytes, and what fills them up; the room is there. */
USUAL uint8_t *put_bytes(uint8_t *at, const void *bytes, size_t size) {
        size_t whole = size + padding_of(size);
        if (size == 0)
                return at;
        store32(at + whole - UNIT, 0);
        move(at, bytes, size);
        return at + whole;
}

/* What is large stays where it is: its size is written, and what fills it up. */
static ASIDE uint8_t *put_apart(struct walk *walk, uint8_t *at, const struct leat_xdr_node *node,
                                struct leat_xdr_bytes bytes) {
        struct xdr_parts *parts = walk->parts;
        size_t padding = padding_of(bytes.size_bytes);
        if (node->kind == LEAT_XDR_KIND_STRING && memchr(bytes.bytes, 0, bytes.size_bytes))
                return NULL;
        if (!(at = leat_xdr_room(walk->encoder, at, 2 * UNIT)))
                return NULL;
        leat_xdr_put_32(at, bytes.size_bytes);
        leat_xdr_put_32(at + UNIT, 0);
        size_t place = (size_t)(at + UNIT - walk->encoder->buffer->bytes);
        parts->all[parts->count++] = (struct xdr_part){ bytes.bytes, bytes.size_bytes, place };
        parts->bytes += bytes.size_bytes;
        return at + UNIT + padding;
}

static bool stays(const struct walk *walk, struct leat_xdr_bytes bytes) {
        return bytes.size_bytes >= XDR_PART_LEAST && walk->parts->count < XDR_PARTS_MOST;
}

USUAL uint8_t *put_counted(struct walk *walk, uint8_t *at, const struct leat_xdr_node *node, const uint8_t *value) {
        struct leat_xdr_bytes bytes = load_bytes(value);
        if (bytes.size_bytes > node->bound || (!bytes.bytes && bytes.size_bytes > 0))
                return NULL;
        if (walk->parts && stays(walk, bytes))
                return put_apart(walk, at, node, bytes);
        at = leat_xdr_room(walk->encoder, at, UNIT + bytes.size_bytes + padding_of(bytes.size_bytes));
        if (!at)
                return NULL;
        if (node->kind == LEAT_XDR_KIND_STRING)
                return leat_xdr_put_string(at, bytes.bytes, bytes.size_bytes);
        leat_xdr_put_32(at, bytes.size_bytes);
        return put_bytes(at + UNIT, bytes.bytes, bytes.size_bytes);
}

/* One value; what is not a number or bytes stands aside, so that the loop over the fields is small. */
USUAL uint8_t *encode_one(struct walk *walk, uint8_t *at, const struct leat_xdr_node *node, const uint8_t *value) {
        switch (node->kind) {
        case LEAT_XDR_KIND_INT:
        case LEAT_XDR_KIND_UNSIGNED:
        case LEAT_XDR_KIND_FLOAT:
                if (!(at = leat_xdr_room(walk->encoder, at, UNIT)))
                        return NULL;
                leat_xdr_put_32(at, load32(value));
                return at + UNIT;
        case LEAT_XDR_KIND_HYPER:
        case LEAT_XDR_KIND_UNSIGNED_HYPER:
        case LEAT_XDR_KIND_DOUBLE:
                if (!(at = leat_xdr_room(walk->encoder, at, 2 * UNIT)))
                        return NULL;
                leat_xdr_put_64(at, load64(value));
                return at + 2 * UNIT;
        case LEAT_XDR_KIND_FIXED:
                if (!(at = leat_xdr_room(walk->encoder, at, node->bound + padding_of(node->bound))))
                        return NULL;
                return put_bytes(at, value, node->bound);
        case LEAT_XDR_KIND_BYTES:
        case LEAT_XDR_KIND_STRING:
                return put_counted(walk, at, node, value);
        default:
                return encode_other(walk, at, node, value);
        }
}

/* Not inlined: what it needs of registers and stack is not to be part of each level. */
static ASIDE uint8_t *encode_fields(struct walk *walk, uint8_t *at, const struct leat_xdr_field *field, uint32_t count,
                                    const uint8_t *value) {
        const struct leat_xdr_node *nodes = walk->schema->nodes;
        for (const struct leat_xdr_field *end = field + count; field < end && at; field++)
                at = encode_one(walk, at, &nodes[field->node - 1] /* none is void */, value + field->offset);
        return at;
}

static uint8_t *encode_struct(struct walk *walk, uint8_t *at, const struct leat_xdr_node *node, uint32_t count,
                              const uint8_t *value) {
        const struct leat_xdr_field *fields = &walk->schema->fields[node->first];
        if (!(node->flags & LEAT_XDR_FLAG_RECURSIVE)) /* most are not: nothing is left to be done behind it */
                return encode_fields(walk, at, fields, count, value);
        if (!xdr_enter(&walk->depth, node))
                return NULL;
        at = encode_fields(walk, at, fields, count, value);
        xdr_leave(&walk->depth, node);
        return at;
}

static uint8_t *encode_value(struct walk *walk, uint8_t *at, uint32_t index, const uint8_t *value) {
        const struct leat_xdr_node *node = xdr_node(walk->schema, index);
        if (node->kind == LEAT_XDR_KIND_STRUCT)
                return encode_struct(walk, at, node, node->count, value);
        return encode_one(walk, at, node, value);
}

static ASIDE uint8_t *encode_items(struct walk *walk, uint8_t *at, uint32_t index, const uint8_t *items,
                                   uint32_t count) {
        const struct leat_xdr_node *item = xdr_node(walk->schema, index);
        if (item->wire_min == 0) /* nothing of it is on the wire, however many there are */
                return at;
        size_t width = xdr_plain_width(item);
        if ((width > 0 || item->flags & LEAT_XDR_FLAG_FLAT) &&
            !(at = leat_xdr_room(walk->encoder, at, (uint64_t)count * item->wire_min)))
                return NULL;
        if (width > 0)
                return width == UNIT ? leat_xdr_put_all_32(at, items, count) : leat_xdr_put_all_64(at, items, count);
        for (uint32_t i = 0; i < count && at; i++, items += item->size)
                at = encode_value(walk, at, index, items);
        return at;
}

static ASIDE uint8_t *encode_list(struct walk *walk, uint8_t *at, const struct leat_xdr_node *node,
                                  const uint8_t *value) {
        struct leat_xdr_list list = load_list(value);
        if (!leat_xdr_may_put(list.items, list.count, node->bound) || !(at = leat_xdr_room(walk->encoder, at, UNIT)))
                return NULL;
        leat_xdr_put_32(at, list.count);
        return encode_items(walk, at + UNIT, node->first, list.items, list.count);
}

static ASIDE uint8_t *encode_chain(struct walk *walk, uint8_t *at, const struct leat_xdr_node *node,
                                   const uint8_t *slot) {
        const struct leat_xdr_node *link = xdr_node(walk->schema, node->first);
        uint32_t next = xdr_next_offset(walk->schema, link);
        struct circle circle = { 0 };
        for (uint64_t step = 0;; step++) {
                const uint8_t *value = load_pointer(slot);
                if (!(at = leat_xdr_room(walk->encoder, at, UNIT)))
                        return NULL;
                leat_xdr_put_32(at, value != NULL);
                at += UNIT;
                if (!value)
                        return at;
                if (circle_closes(&circle, value, step))
                        return NULL;
                if (!(at = encode_struct(walk, at, link, link->count - 1u, value)))
                        return NULL;
                slot = value + next;
        }
}

static uint8_t *encode_optional(struct walk *walk, uint8_t *at, const struct leat_xdr_node *node, const uint8_t *slot) {
        const uint8_t *value = load_pointer(slot);
        if (!(at = leat_xdr_room(walk->encoder, at, UNIT)))
                return NULL;
        leat_xdr_put_32(at, value != NULL);
        return value ? encode_value(walk, at + UNIT, node->first, value) : at + UNIT;
}

static uint8_t *encode_narrow(struct walk *walk, uint8_t *at, const struct leat_xdr_node *node, const uint8_t *value) {
        uint32_t bits = load_narrow(node->kind, value);
        if (node->kind == LEAT_XDR_KIND_ENUM && !is_of_enum(walk->schema, node, bits))
                return NULL;
        if (!(at = leat_xdr_room(walk->encoder, at, UNIT)))
                return NULL;
        leat_xdr_put_32(at, bits);
        return at + UNIT;
}

static ASIDE uint8_t *encode_union(struct walk *walk, uint8_t *at, const struct leat_xdr_node *node,
                                   const uint8_t *value) {
        const struct leat_xdr_field *field = &walk->schema->fields[node->first];
        const struct leat_xdr_field *arm = arm_of(walk->schema, node, value);
        if (!arm || !xdr_enter(&walk->depth, node))
                return NULL;
        at = encode_narrow(walk, at, xdr_node(walk->schema, field->node), value + field->offset);
        if (at)
                at = encode_value(walk, at, arm->node, value + arm->offset);
        xdr_leave(&walk->depth, node);
        return at;
}

static uint8_t *encode_quadruple(struct walk *walk, uint8_t *at, const uint8_t *value) {
        if (!(at = leat_xdr_room(walk->encoder, at, sizeof(struct leat_xdr_quadruple))))
                return NULL;
        memcpy(at, value, sizeof(struct leat_xdr_quadruple));
        return at + sizeof(struct leat_xdr_quadruple);
}

static ASIDE uint8_t *encode_other(struct walk *walk, uint8_t *at, const struct leat_xdr_node *node,
                                   const uint8_t *value) {
        switch (node->kind) {
        case LEAT_XDR_KIND_VOID:
                return at;
        case LEAT_XDR_KIND_QUADRUPLE:
                return encode_quadruple(walk, at, value);
        case LEAT_XDR_KIND_ARRAY:
                return encode_items(walk, at, node->first, value, node->bound);
        case LEAT_XDR_KIND_LIST:
                return encode_list(walk, at, node, value);
        case LEAT_XDR_KIND_OPTIONAL:
                return encode_optional(walk, at, node, value);
        case LEAT_XDR_KIND_HELD: {
                const uint8_t *held = load_pointer(value);
                return held ? encode_value(walk, at, node->first, held) : NULL;
        }
        case LEAT_XDR_KIND_CHAIN:
                return encode_chain(walk, at, node, value);
        case LEAT_XDR_KIND_STRUCT:
                return encode_struct(walk, at, node, node->count, value);
        case LEAT_XDR_KIND_UNION:
                return encode_union(walk, at, node, value);
        default:
                return encode_narrow(walk, at, node, value);
        }
}

uint8_t *leat_xdr_encode_node(struct leat_xdr_encoder *encoder, uint8_t *at, const struct leat_xdr_schema *schema,
                              uint32_t node, const void *value) {
        struct walk walk = { encoder, schema, LEAT_XDR_DEPTH_MOST, NULL };
        return encode_value(&walk, at, node, value);
}

/* The size of a value that could not be encoded, or the error: what the value breaks, or that there is no room. */
static RARE int64_t explain(struct leat_xdr_type type, const void *value, const struct leat_xdr_buffer *buffer,
                            struct leat_xdr_fault *ret_fault) {
        size_t most = xdr_buffer_most(buffer);
        size_t room = buffer->size_bytes < most ? most - buffer->size_bytes : 0;
        return xdr_size_within(type, value, room, most, ret_fault);
}

static uint8_t *by_table(struct leat_xdr_type type, const void *value, struct leat_xdr_encoder *encoder,
                         struct leat_xdr_buffer *buffer) {
        uint8_t *at = xdr_encoder_begin(encoder, buffer);
        return leat_xdr_encode_node(encoder, at, type.schema, type.node, value);
}

/*
 * Straight code does not see that a list comes back to itself, and would fill all memory with it. So the buffer grows under it by this at
 * most; who needs more is measured before.
 */
#define GROWS_UNSEEN ((size_t)1 << 20)

static uint8_t *by_code(leat_xdr_encode_code *code, const void *value, struct leat_xdr_encoder *encoder,
                        struct leat_xdr_buffer *buffer) {
        size_t limit = buffer->limit_bytes, most = xdr_buffer_most(buffer), unseen = buffer->room_bytes;
        if (unseen < SIZE_MAX - GROWS_UNSEEN && unseen - buffer->size_bytes < GROWS_UNSEEN)
                unseen = buffer->size_bytes + GROWS_UNSEEN;
        buffer->limit_bytes = unseen < most ? unseen : most;
        uint8_t *at = code(encoder, xdr_encoder_begin(encoder, buffer), value);
        buffer->limit_bytes = limit;
        return at;
}

/* Straight code has given up: is it the value, or does it want more room? */
static RARE uint8_t *by_code_again(leat_xdr_encode_code *code, struct leat_xdr_type type, const void *value,
                                   struct leat_xdr_encoder *encoder, struct leat_xdr_fault *ret_fault) {
        struct leat_xdr_buffer *buffer = encoder->buffer;
        int64_t size = explain(type, value, buffer, ret_fault);
        if (size < 0 || leat_xdr_buffer_reserve(buffer, (size_t)size) < 0)
                return NULL;
        uint8_t *at = by_code(code, value, encoder, buffer);
        return at ? at : by_table(type, value, encoder, buffer);
}

int leat_xdr_encode(struct leat_xdr_type type, const void *value, struct leat_xdr_buffer *buffer,
                    struct leat_xdr_fault *ret_fault) {
        struct leat_xdr_fault fault;
        struct leat_xdr_encoder encoder;
        uint8_t *at;
        if (!ret_fault)
                ret_fault = &fault;
        int error = xdr_type_check(type);
        if (error == 0 && !buffer)
                error = -EINVAL;
        if (error == 0 && !value)
                return xdr_fault_tell_nothing(type, ret_fault);
        if (error < 0)
                return xdr_fault_tell(ret_fault, LEAT_XDR_OK, error);
        leat_xdr_encode_code *code = xdr_codes(type).encode;
        at = code ? by_code(code, value, &encoder, buffer) : by_table(type, value, &encoder, buffer);
        if (!at && code)
                at = by_code_again(code, type, value, &encoder, ret_fault);
        else if (!at)
                (void)explain(type, value, buffer, ret_fault);
        if (!at) /* and if all of it is right, then there was no memory */
                return ret_fault->error < 0 ? ret_fault->error : xdr_fault_tell(ret_fault, LEAT_XDR_NO_MEMORY, -ENOMEM);
        xdr_encoder_end(&encoder, at);
        return xdr_fault_tell(ret_fault, LEAT_XDR_OK, 0);
}

/* ---- in parts ---- */

/* Is there a piece that is to stay where it is? In the value itself, or in a structure that is its field: who sends much has it there. */
static bool has_large(const struct leat_xdr_schema *schema, uint32_t index, const uint8_t *value, unsigned levels) {
        const struct leat_xdr_node *node = xdr_node(schema, index);
        if (node->kind == LEAT_XDR_KIND_BYTES || node->kind == LEAT_XDR_KIND_STRING) {
                struct leat_xdr_bytes bytes = load_bytes(value);
                return bytes.bytes && bytes.size_bytes >= XDR_PART_LEAST;
        }
        if (node->kind != LEAT_XDR_KIND_STRUCT || levels == 0)
                return false;
        const struct leat_xdr_field *field = &schema->fields[node->first], *end = field + node->count;
        for (; field < end; field++)
                if (has_large(schema, field->node, value + field->offset, levels - 1))
                        return true;
        return false;
}

#define LEVELS_LOOKED_AT 2

static int encode_in_parts(struct leat_xdr_type type, const void *value, struct leat_xdr_buffer *buffer,
                           struct xdr_parts *parts) {
        struct leat_xdr_encoder encoder;
        struct walk walk = { &encoder, type.schema, LEAT_XDR_DEPTH_MOST, parts };
        const uint8_t *at = encode_value(&walk, xdr_encoder_begin(&encoder, buffer), type.node, value);
        if (!at) {
                parts->count = 0;
                parts->bytes = 0;
                return -EINVAL; /* leat_xdr_encode() says why */
        }
        xdr_encoder_end(&encoder, at);
        return 0;
}

/* What is small goes by straight code at once; that has no room for what is large. */
static bool encode_small(struct leat_xdr_type type, const void *value, struct leat_xdr_buffer *buffer) {
        leat_xdr_encode_code *code = xdr_codes(type).encode;
        struct leat_xdr_encoder encoder;
        size_t limit = buffer->limit_bytes, most = xdr_buffer_most(buffer), small = buffer->size_bytes + XDR_PART_LEAST;
        if (!code)
                return false;
        buffer->limit_bytes = small < most ? small : most;
        const uint8_t *at = code(&encoder, xdr_encoder_begin(&encoder, buffer), value);
        buffer->limit_bytes = limit;
        if (at)
                xdr_encoder_end(&encoder, at);
        return at;
}

int xdr_encode_parts(struct leat_xdr_type type, const void *value, struct leat_xdr_buffer *buffer,
                     struct xdr_parts *parts, struct leat_xdr_fault *ret_fault) {
        bool sound = xdr_type_check(type) == 0 && value;
        if (sound && encode_small(type, value, buffer))
                return 0;
        if (sound && has_large(type.schema, type.node, value, LEVELS_LOOKED_AT) &&
            encode_in_parts(type, value, buffer, parts) == 0)
                return 0;
        return leat_xdr_encode(type, value, buffer, ret_fault);
}
