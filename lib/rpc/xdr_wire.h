/* SPDX-License-Identifier: MIT */
#ifndef LEAT_RPC_XDR_WIRE_H
#define LEAT_RPC_XDR_WIRE_H

/*
 * Numbers and pointers in a value's memory; on the wire they are moved by what straight code has for that (leat_xdr_get_32() and others). Each of these
 * is one move. Memory is read and written as bytes, as a program has its own types there (`struct dir_entry *` and not `void *`), which a compiler
 * that sees both may keep apart.
 */

#include "base/rare.h"
#include "rpc/xdr_schema.h"
#include <string.h>

#define UNIT ((size_t)4) /* all sizes on the wire are a multiple of it */

/* What fills up `size` bytes to a multiple of four. */
USUAL size_t padding_of(uint64_t size) {
        return (size_t)(0 - size) & (UNIT - 1);
}

USUAL uint32_t load32(const void *from) {
        uint32_t bits;
        memcpy(&bits, from, sizeof(bits));
        return bits;
}

USUAL uint64_t load64(const void *from) {
        uint64_t bits;
        memcpy(&bits, from, sizeof(bits));
        return bits;
}

USUAL void store32(void *to, uint32_t bits) {
        memcpy(to, &bits, sizeof(bits));
}

USUAL void store64(void *to, uint64_t bits) {
        memcpy(to, &bits, sizeof(bits));
}

USUAL const void *load_pointer(const void *from) {
        const void *pointer;
        memcpy(&pointer, from, sizeof(pointer));
        return pointer;
}

USUAL void store_pointer(void *to, const void *pointer) {
        memcpy(to, &pointer, sizeof(pointer));
}

USUAL struct leat_xdr_list load_list(const void *from) {
        struct leat_xdr_list list;
        memcpy(&list, from, sizeof(list));
        return list;
}

USUAL void store_list(void *to, struct leat_xdr_list list) {
        memcpy(to, &list, sizeof(list));
}

/* A string and opaque<> differ in the type of the pointer alone; both are read and written as this. */
USUAL struct leat_xdr_bytes load_bytes(const void *from) {
        struct leat_xdr_bytes bytes;
        memcpy(&bytes, from, sizeof(bytes));
        return bytes;
}

/* memcpy() of what is mostly short: up to 32 bytes by two moves that may overlap, without a call. */
USUAL void move(void *to, const void *from, size_t size) {
        uint8_t *target = to;
        const uint8_t *source = from;
        struct half {
                uint64_t words[2];
        } first, last;
        if (size > 32 || size < 4) {
                memcpy(target, source, size);
        } else if (size >= 16) {
                memcpy(&first, source, sizeof(first));
                memcpy(&last, source + size - sizeof(last), sizeof(last));
                memcpy(target, &first, sizeof(first));
                memcpy(target + size - sizeof(last), &last, sizeof(last));
        } else if (size >= 8) {
                uint64_t end = load64(source + size - 8);
                store64(target, load64(source));
                store64(target + size - 8, end);
        } else {
                uint32_t end = load32(source + size - 4);
                store32(target, load32(source));
                store32(target + size - 4, end);
        }
}

/* A number of four bytes or less as on the wire, sign extended. */
USUAL uint32_t load_narrow(uint8_t kind, const uint8_t *from) {
        uint16_t bits;
        switch (kind) {
        case LEAT_XDR_KIND_BOOL:
                return from[0] != 0;
        case LEAT_XDR_KIND_CHAR:
                return (uint32_t)(int32_t)(int8_t)from[0];
        case LEAT_XDR_KIND_UNSIGNED_CHAR:
                return from[0];
        case LEAT_XDR_KIND_SHORT:
                memcpy(&bits, from, sizeof(bits));
                return (uint32_t)(int32_t)(int16_t)bits;
        case LEAT_XDR_KIND_UNSIGNED_SHORT:
                memcpy(&bits, from, sizeof(bits));
                return bits;
        default:
                return load32(from);
        }
}

USUAL bool is_unsigned(uint8_t kind) {
        return kind == LEAT_XDR_KIND_UNSIGNED || kind == LEAT_XDR_KIND_UNSIGNED_HYPER ||
               kind == LEAT_XDR_KIND_UNSIGNED_CHAR || kind == LEAT_XDR_KIND_UNSIGNED_SHORT;
}

/* The bits of such a number as a fault tells them. */
USUAL uint64_t widen(uint8_t kind, uint32_t bits) {
        return is_unsigned(kind) ? bits : (uint64_t)(int64_t)(int32_t)bits;
}

/* The first bytes of a number as the processor has it. */
USUAL void store_number(void *to, uint64_t bits, size_t size) {
        uint16_t two = (uint16_t)bits;
        uint8_t one = (uint8_t)bits;
        if (size == 8)
                store64(to, bits);
        else if (size == 4)
                store32(to, (uint32_t)bits);
        else
                memcpy(to, size == 2 ? (const void *)&two : &one, size);
}

/* The discriminant of a union's value as the tables of labels have it: its bits as a signed number. */
USUAL int32_t discriminant_of(const struct leat_xdr_schema *schema, const struct leat_xdr_node *node,
                              const void *value) {
        const struct leat_xdr_field *field = &schema->fields[node->first];
        return (int32_t)load_narrow(xdr_node(schema, field->node)->kind, (const uint8_t *)value + field->offset);
}

/* The arm that it chooses, or NULL. */
USUAL const struct leat_xdr_field *arm_of(const struct leat_xdr_schema *schema, const struct leat_xdr_node *node,
                                          const void *value) {
        return xdr_find_arm(schema, node, discriminant_of(schema, node, value));
}

/* Is it one of the enumeration's? */
USUAL bool is_of_enum(const struct leat_xdr_schema *schema, const struct leat_xdr_node *node, uint32_t value) {
        const struct leat_xdr_value *values = &schema->values[node->first];
        if (node->flags & LEAT_XDR_FLAG_DENSE)
                return value - (uint32_t)values[0].value < node->count;
        return xdr_find_value(values, node->count, (int32_t)value) != NULL;
}

/* The bytes of a number that is the same in memory and on the wire but for their order; 0: it is another kind of thing. */
USUAL size_t xdr_plain_width(const struct leat_xdr_node *node) {
        switch (node->kind) {
        case LEAT_XDR_KIND_INT:
        case LEAT_XDR_KIND_UNSIGNED:
        case LEAT_XDR_KIND_FLOAT:
                return UNIT;
        case LEAT_XDR_KIND_HYPER:
        case LEAT_XDR_KIND_UNSIGNED_HYPER:
        case LEAT_XDR_KIND_DOUBLE:
                return 2 * UNIT;
        default:
                return 0;
        }
}

/* A list `node *next` that comes back to itself is found by one comparison for each node (R. Brent, 1980). */
struct circle {
        const void *seen;
        uint64_t next; /* the step at which another one is remembered */
};

USUAL bool circle_closes(struct circle *circle, const void *node, uint64_t step) {
        if (node == circle->seen)
                return true;
        if (step == circle->next) {
                circle->seen = node;
                circle->next = 2 * step + 1;
        }
        return false;
}

#endif
