/* SPDX-License-Identifier: MIT */
#include "base/options.h"
#include "rpc/xdr_arena.h"
#include "rpc/xdr_fault.h"
#include "rpc/xdr_wire.h"

#include <errno.h>

/*
 * Decoding by the table. Nothing that is declared is believed before it was compared with the bytes that are there, and memory is taken
 * after that. What is wrong is said where it is seen, and each level on the way out puts itself before the path.
 */

struct walk {
        struct leat_xdr_decoder *decoder;
        const struct leat_xdr_schema *schema;
        const uint8_t *bytes;        /* of the message, for the fault */
        struct xdr_trouble *trouble; /* NULL from straight code, which does not ask */
        size_t most;                 /* bytes of memory; for the fault */
        uint32_t depth;              /* for the fault; the decoder has how much is left */
};

static const uint8_t *decode_other(struct walk *walk, const uint8_t *at, const struct leat_xdr_node *node,
                                   uint8_t *value);

/* ---- faults ---- */

static RARE const uint8_t *refuse(struct walk *walk, const uint8_t *at, enum leat_xdr_what what, uint64_t value,
                                  uint64_t limit) {
        if (walk->trouble)
                xdr_trouble_set(walk->trouble, what, (uint64_t)(at - walk->bytes), value, limit);
        return NULL;
}

static RARE const uint8_t *too_short(struct walk *walk, const uint8_t *at) {
        return refuse(walk, at, LEAT_XDR_SHORT, 0, 0);
}

static RARE const uint8_t *in_field(struct walk *walk, const struct leat_xdr_field *field) {
        xdr_trouble_in_field(walk->trouble, xdr_field_name(walk->schema, field));
        return NULL;
}

static RARE const uint8_t *in_item(struct walk *walk, uint64_t index) {
        xdr_trouble_in_item(walk->trouble, index);
        return NULL;
}

/* ---- memory ---- */

static RARE void *take_more(struct walk *walk, const uint8_t *at, size_t size) {
        void *piece = NULL;
        int error = xdr_decoder_more(walk->decoder, size, &piece);
        if (error == 0)
                return piece;
        refuse(walk, at, error == -ENOMEM ? LEAT_XDR_NO_MEMORY : LEAT_XDR_ARENA_FULL, size, walk->most);
        return NULL;
}

USUAL void *take(struct walk *walk, const uint8_t *at, uint64_t size) {
        uint64_t whole = (size + 7) & ~(uint64_t)7;
        uint8_t *taken = walk->decoder->room;
        if (__builtin_expect(whole > (uint64_t)(walk->decoder->room_end - taken), 0))
                return take_more(walk, at, whole > SIZE_MAX ? SIZE_MAX : (size_t)whole);
        walk->decoder->room = taken + whole;
        return taken;
}

/* ---- bytes ---- */

USUAL size_t left(const struct walk *walk, const uint8_t *at) {
        return (size_t)(walk->decoder->end - at);
}

USUAL bool accepts(const struct walk *walk, uint32_t what) {
        return (walk->decoder->accept & what) != 0;
}

/* Is what fills up bytes to four, which ends there, as it must be? */
USUAL const uint8_t *check_padding(struct walk *walk, const uint8_t *end, size_t padding) {
        if (padding == 0)
                return end;
        uint32_t filling = leat_xdr_get_32(end - UNIT) & ((1u << (8 * padding)) - 1);
        if (__builtin_expect(filling != 0 && !accepts(walk, LEAT_XDR_ACCEPT_PADDING), 0))
                return refuse(walk, end - padding, LEAT_XDR_BAD_PADDING, filling, 0);
        return end;
}

USUAL const uint8_t *decode_fixed(struct walk *walk, const uint8_t *at, const struct leat_xdr_node *node,
                                  uint8_t *value) {
        size_t size = node->bound, whole = size + padding_of(size);
        if (whole > left(walk, at))
                return too_short(walk, at);
        move(value, at, size);
        return check_padding(walk, at + whole, whole - size);
}

static RARE const uint8_t *refuse_length(struct walk *walk, const uint8_t *at, const struct leat_xdr_node *node) {
        size_t rest = left(walk, at);
        if (rest < UNIT)
                return too_short(walk, at);
        uint32_t size = leat_xdr_get_32(at);
        if (size > node->bound)
                return refuse(walk, at, LEAT_XDR_TOO_LONG, size, node->bound);
        return refuse(walk, at, LEAT_XDR_NOT_THERE, size, (rest - UNIT) & ~(UNIT - 1));
}

/* A copy of text ends with a NUL. */
USUAL bool place_copy(struct walk *walk, const uint8_t *at, size_t size, bool text, struct leat_xdr_bytes *ret_bytes) {
        if (size == 0) {
                ret_bytes->bytes = text ? "" : NULL;
                return true;
        }
        uint8_t *copy = take(walk, at - UNIT, (uint64_t)size + text);
        if (!copy)
                return false;
        move(copy, at, size);
        if (text)
                copy[size] = '\0';
        ret_bytes->bytes = copy;
        return true;
}

USUAL const uint8_t *decode_counted(struct walk *walk, const uint8_t *at, const struct leat_xdr_node *node,
                                    uint8_t *value) {
        size_t rest = left(walk, at);
        struct leat_xdr_bytes bytes = { 0 };
        bool text = node->kind == LEAT_XDR_KIND_STRING;
        if (__builtin_expect(rest < UNIT, 0))
                return refuse_length(walk, at, node);
        size_t size = bytes.size_bytes = leat_xdr_get_32(at);
        size_t padding = padding_of(size);
        if (__builtin_expect(size > node->bound || size > rest - UNIT || padding > rest - UNIT - size, 0))
                return refuse_length(walk, at, node);
        at += UNIT;
        if (text && size > 0 && !accepts(walk, LEAT_XDR_ACCEPT_NUL)) {
                const uint8_t *nul = memchr(at, 0, size);
                if (__builtin_expect(nul != NULL, 0))
                        return refuse(walk, nul, LEAT_XDR_NUL_IN_STRING, (uint64_t)(nul - at), 0);
        }
        if (!check_padding(walk, at + size + padding, padding))
                return NULL;
        if (node->flags & LEAT_XDR_FLAG_BORROWED)
                bytes.bytes = at;
        else if (!place_copy(walk, at, size, text, &bytes))
                return NULL;
        memcpy(value, &bytes, sizeof(bytes));
        return at + size + padding;
}

/* One value; what is not a number or bytes stands aside, so that the loop over the fields is small. */
USUAL const uint8_t *decode_one(struct walk *walk, const uint8_t *at, const struct leat_xdr_node *node,
                                uint8_t *value) {
        switch (node->kind) {
        case LEAT_XDR_KIND_INT:
        case LEAT_XDR_KIND_UNSIGNED:
        case LEAT_XDR_KIND_FLOAT:
                if (__builtin_expect(left(walk, at) < UNIT, 0))
                        return too_short(walk, at);
                store32(value, leat_xdr_get_32(at));
                return at + UNIT;
        case LEAT_XDR_KIND_HYPER:
        case LEAT_XDR_KIND_UNSIGNED_HYPER:
        case LEAT_XDR_KIND_DOUBLE:
                if (__builtin_expect(left(walk, at) < 2 * UNIT, 0))
                        return too_short(walk, at);
                store64(value, leat_xdr_get_64(at));
                return at + 2 * UNIT;
        case LEAT_XDR_KIND_FIXED:
                return decode_fixed(walk, at, node, value);
        case LEAT_XDR_KIND_BYTES:
        case LEAT_XDR_KIND_STRING:
                return decode_counted(walk, at, node, value);
        default:
                return decode_other(walk, at, node, value);
        }
}

/* ---- structures ---- */

static ASIDE const uint8_t *decode_fields(struct walk *walk, const uint8_t *at, const struct leat_xdr_field *field,
                                          uint32_t count, uint8_t *value) {
        const struct leat_xdr_node *nodes = walk->schema->nodes;
        for (const struct leat_xdr_field *end = field + count; field < end; field++)
                if (!(at = decode_one(walk, at, &nodes[field->node - 1] /* none is void */, value + field->offset)))
                        return in_field(walk, field);
        return at;
}

static RARE const uint8_t *too_deep(struct walk *walk, const uint8_t *at) {
        return refuse(walk, at, LEAT_XDR_TOO_DEEP, (uint64_t)walk->depth + 1, walk->depth);
}

static const uint8_t *decode_struct(struct walk *walk, const uint8_t *at, const struct leat_xdr_node *node,
                                    uint32_t count, uint8_t *value) {
        if (!xdr_enter(&walk->decoder->depth, node))
                return too_deep(walk, at);
        at = decode_fields(walk, at, &walk->schema->fields[node->first], count, value);
        xdr_leave(&walk->decoder->depth, node);
        return at;
}

static const uint8_t *decode_value(struct walk *walk, const uint8_t *at, uint32_t index, uint8_t *value) {
        const struct leat_xdr_node *node = xdr_node(walk->schema, index);
        if (node->kind == LEAT_XDR_KIND_STRUCT)
                return decode_struct(walk, at, node, node->count, value);
        return decode_one(walk, at, node, value);
}

/* ---- several ---- */

static ASIDE const uint8_t *decode_items(struct walk *walk, const uint8_t *at, uint32_t index, uint8_t *items,
                                         uint32_t count) {
        const struct leat_xdr_node *item = xdr_node(walk->schema, index);
        size_t width = xdr_plain_width(item);
        if (count == 0 || item->wire_min == 0) /* nothing of it is on the wire, however many there are */
                return at;
        if (width > 0 && count <= left(walk, at) / width)
                return width == UNIT ? leat_xdr_get_all_32(at, items, count) : leat_xdr_get_all_64(at, items, count);
        for (uint32_t i = 0; i < count; i++, items += item->size)
                if (!(at = decode_value(walk, at, index, items)))
                        return in_item(walk, i);
        return at;
}

static ASIDE const uint8_t *decode_list(struct walk *walk, const uint8_t *at, const struct leat_xdr_node *node,
                                        uint8_t *value) {
        const struct leat_xdr_node *item = xdr_node(walk->schema, node->first);
        struct leat_xdr_list list = { 0 };
        if (left(walk, at) < UNIT)
                return too_short(walk, at);
        list.count = leat_xdr_get_32(at);
        uint64_t rest = left(walk, at) - UNIT;
        if (list.count > node->bound)
                return refuse(walk, at, LEAT_XDR_TOO_LONG, list.count, node->bound);
        if ((uint64_t)list.count * item->wire_min > rest)
                return refuse(walk, at, LEAT_XDR_NOT_THERE, list.count, rest / item->wire_min);
        if (list.count > 0 && !(list.items = take(walk, at, (uint64_t)list.count * item->size)))
                return NULL;
        store_list(value, list);
        return decode_items(walk, at + UNIT, node->first, list.items, list.count);
}

/* ---- pointers ---- */

/* A boolean of the wire: 0 or 1, or -1: refused. */
USUAL int decode_bool(struct walk *walk, const uint8_t *at) {
        if (left(walk, at) < UNIT) {
                too_short(walk, at);
                return -1;
        }
        uint32_t bits = leat_xdr_get_32(at);
        if (__builtin_expect(bits > 1 && !accepts(walk, LEAT_XDR_ACCEPT_BOOL), 0)) {
                refuse(walk, at, LEAT_XDR_BAD_BOOL, bits, 0);
                return -1;
        }
        return bits != 0;
}

static const uint8_t *decode_held(struct walk *walk, const uint8_t *at, const struct leat_xdr_node *node,
                                  uint8_t *slot) {
        uint8_t *value = take(walk, at, xdr_node(walk->schema, node->first)->size);
        if (!value)
                return NULL;
        store_pointer(slot, value);
        return decode_value(walk, at, node->first, value);
}

static const uint8_t *decode_optional(struct walk *walk, const uint8_t *at, const struct leat_xdr_node *node,
                                      uint8_t *slot) {
        int there = decode_bool(walk, at);
        if (there > 0)
                return decode_held(walk, at + UNIT, node, slot);
        store_pointer(slot, NULL);
        return there < 0 ? NULL : at + UNIT;
}

static ASIDE const uint8_t *decode_chain(struct walk *walk, const uint8_t *at, const struct leat_xdr_node *node,
                                         uint8_t *slot) {
        const struct leat_xdr_node *link = xdr_node(walk->schema, node->first);
        uint32_t next = xdr_next_offset(walk->schema, link);
        for (uint64_t i = 0;; i++) {
                int there = decode_bool(walk, at);
                uint8_t *value = NULL;
                if (there > 0)
                        value = take(walk, at, link->size);
                store_pointer(slot, value);
                if (there == 0)
                        return at + UNIT;
                if (!value || !(at = decode_struct(walk, at + UNIT, link, link->count - 1u, value)))
                        return in_item(walk, i);
                slot = value + next;
        }
}

/* ---- narrow numbers, unions ---- */

static const uint8_t *decode_enum(struct walk *walk, const uint8_t *at, const struct leat_xdr_node *node, uint32_t bits,
                                  uint8_t *value) {
        if (!is_of_enum(walk->schema, node, bits) && !accepts(walk, LEAT_XDR_ACCEPT_ENUM))
                return refuse(walk, at, LEAT_XDR_UNKNOWN_ENUM, widen(node->kind, bits), 0);
        store32(value, bits);
        return at + UNIT;
}

/* A char or short: what is stored must be loaded as the same again. */
static const uint8_t *decode_small(struct walk *walk, const uint8_t *at, uint8_t kind, uint32_t bits, uint8_t *value) {
        store_number(value, bits, kind == LEAT_XDR_KIND_CHAR || kind == LEAT_XDR_KIND_UNSIGNED_CHAR ? 1 : 2);
        if (load_narrow(kind, value) != bits)
                return refuse(walk, at, LEAT_XDR_OUT_OF_RANGE, widen(kind, bits), 0);
        return at + UNIT;
}

static const uint8_t *decode_narrow(struct walk *walk, const uint8_t *at, const struct leat_xdr_node *node,
                                    uint8_t *value) {
        if (node->kind == LEAT_XDR_KIND_BOOL) {
                int there = decode_bool(walk, at);
                value[0] = there > 0;
                return there < 0 ? NULL : at + UNIT;
        }
        if (left(walk, at) < UNIT)
                return too_short(walk, at);
        uint32_t bits = leat_xdr_get_32(at);
        if (node->kind == LEAT_XDR_KIND_ENUM)
                return decode_enum(walk, at, node, bits, value);
        return decode_small(walk, at, node->kind, bits, value);
}

static const uint8_t *decode_arm(struct walk *walk, const uint8_t *at, const struct leat_xdr_node *node,
                                 uint8_t *value) {
        const struct leat_xdr_field *field = &walk->schema->fields[node->first];
        const struct leat_xdr_node *kind = xdr_node(walk->schema, field->node);
        const uint8_t *behind = decode_one(walk, at, kind, value + field->offset);
        if (!behind)
                return in_field(walk, field);
        int32_t discriminant = (int32_t)load_narrow(kind->kind, value + field->offset);
        const struct leat_xdr_field *arm = xdr_find_arm(walk->schema, node, discriminant);
        if (!arm) {
                refuse(walk, at, LEAT_XDR_UNKNOWN_ARM, widen(kind->kind, (uint32_t)discriminant), 0);
                return in_field(walk, field);
        }
        at = decode_value(walk, behind, arm->node, value + arm->offset);
        return at ? at : in_field(walk, arm);
}

static ASIDE const uint8_t *decode_union(struct walk *walk, const uint8_t *at, const struct leat_xdr_node *node,
                                         uint8_t *value) {
        if (!xdr_enter(&walk->decoder->depth, node))
                return too_deep(walk, at);
        at = decode_arm(walk, at, node, value);
        xdr_leave(&walk->decoder->depth, node);
        return at;
}

static const uint8_t *decode_quadruple(struct walk *walk, const uint8_t *at, uint8_t *value) {
        if (left(walk, at) < sizeof(struct leat_xdr_quadruple))
                return too_short(walk, at);
        memcpy(value, at, sizeof(struct leat_xdr_quadruple));
        return at + sizeof(struct leat_xdr_quadruple);
}

static ASIDE const uint8_t *decode_other(struct walk *walk, const uint8_t *at, const struct leat_xdr_node *node,
                                         uint8_t *value) {
        switch (node->kind) {
        case LEAT_XDR_KIND_VOID:
                return at;
        case LEAT_XDR_KIND_QUADRUPLE:
                return decode_quadruple(walk, at, value);
        case LEAT_XDR_KIND_ARRAY:
                return decode_items(walk, at, node->first, value, node->bound);
        case LEAT_XDR_KIND_LIST:
                return decode_list(walk, at, node, value);
        case LEAT_XDR_KIND_OPTIONAL:
                return decode_optional(walk, at, node, value);
        case LEAT_XDR_KIND_HELD:
                return decode_held(walk, at, node, value);
        case LEAT_XDR_KIND_CHAIN:
                return decode_chain(walk, at, node, value);
        case LEAT_XDR_KIND_STRUCT:
                return decode_struct(walk, at, node, node->count, value);
        case LEAT_XDR_KIND_UNION:
                return decode_union(walk, at, node, value);
        default:
                return decode_narrow(walk, at, node, value);
        }
}

/* ---- the whole message ---- */

const uint8_t *leat_xdr_decode_node(struct leat_xdr_decoder *decoder, const uint8_t *at,
                                    const struct leat_xdr_schema *schema, uint32_t node, void *value) {
        struct walk walk = { .decoder = decoder, .schema = schema };
        return decode_value(&walk, at, node, value);
}

#define ACCEPT_ALL                                                                                                     \
        (LEAT_XDR_ACCEPT_ENUM | LEAT_XDR_ACCEPT_BOOL | LEAT_XDR_ACCEPT_PADDING | LEAT_XDR_ACCEPT_NUL |                 \
         LEAT_XDR_ACCEPT_TRAILING)

static int take_rules(const struct leat_xdr_rules *given, struct leat_xdr_rules *ret_rules) {
        *ret_rules = (struct leat_xdr_rules){ .size = sizeof(*ret_rules) };
        int error = given ? options_take(given, ret_rules, sizeof(*ret_rules)) : 0;
        if (error < 0 || ret_rules->accept & ~ACCEPT_ALL || ret_rules->depth > LEAT_XDR_DEPTH_MOST)
                return -EINVAL;
        if (ret_rules->depth == 0)
                ret_rules->depth = LEAT_XDR_DEPTH;
        return 0;
}

/* What is decoded, and by which rules. */
struct message {
        struct leat_xdr_type type;
        const uint8_t *bytes;
        size_t size;
        struct leat_xdr_rules rules;
        struct leat_xdr_arena *arena;
        void *value;
};

static bool by_code(const struct message *message) {
        leat_xdr_decode_code *code = xdr_codes(message->type).decode;
        if (message->rules.accept != 0 || !code)
                return false;
        struct leat_xdr_decoder decoder = { .depth = message->rules.depth };
        struct xdr_arena_mark mark = xdr_arena_mark(message->arena);
        xdr_decoder_begin(&decoder, message->arena, message->bytes, message->size);
        const uint8_t *at = code(&decoder, message->bytes, message->value);
        bool done = at == decoder.end;
        if (done)
                xdr_decoder_end(&decoder);
        else
                xdr_arena_set_back(message->arena, mark);
        return done;
}

static int by_table(const struct message *message, struct leat_xdr_fault *ret_fault) {
        struct leat_xdr_decoder decoder = { .depth = message->rules.depth, .accept = message->rules.accept };
        struct xdr_arena_mark mark = xdr_arena_mark(message->arena);
        struct xdr_trouble trouble;
        xdr_trouble_begin(&trouble);
        size_t most = xdr_decoder_begin(&decoder, message->arena, message->bytes, message->size);
        struct walk walk = { &decoder, message->type.schema, message->bytes, &trouble, most, message->rules.depth };
        const uint8_t *at = decode_value(&walk, message->bytes, message->type.node, message->value);
        if (at && at < decoder.end && !(message->rules.accept & LEAT_XDR_ACCEPT_TRAILING))
                at = refuse(&walk, at, LEAT_XDR_TRAILING, left(&walk, at), 0);
        if (!at) {
                xdr_arena_set_back(message->arena, mark);
                return xdr_trouble_tell(&trouble, false, ret_fault);
        }
        xdr_decoder_end(&decoder);
        return xdr_fault_tell(ret_fault, LEAT_XDR_OK, 0);
}

int leat_xdr_decode(struct leat_xdr_type type, const void *bytes, size_t size_bytes, struct leat_xdr_arena *arena,
                    const struct leat_xdr_rules *rules, void *ret_value, struct leat_xdr_fault *ret_fault) {
        static const uint8_t none[1];
        uint8_t nothing[8]; /* what void is decoded to */
        struct message message = { .type = type,
                                   .bytes = bytes ? bytes : none,
                                   .size = size_bytes,
                                   .arena = arena,
                                   .value = ret_value ? ret_value : nothing };
        int error = xdr_type_check(type);
        if (error == 0)
                error = take_rules(rules, &message.rules);
        if (error == 0 && (!arena || (!bytes && size_bytes > 0) || (!ret_value && type.node != 0)))
                error = -EINVAL;
        if (error < 0)
                return xdr_fault_tell(ret_fault, LEAT_XDR_OK, error);
        if (by_code(&message))
                return xdr_fault_tell(ret_fault, LEAT_XDR_OK, 0);
        return by_table(&message, ret_fault);
}
