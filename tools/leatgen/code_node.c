/* SPDX-License-Identifier: MIT */
#include "tools/leatgen/code.h"

#include <string.h>

#define DEEP 4 /* structures in structures that are taken apart */

/* ---- what nodes are ---- */

static bool holds_another(unsigned int kind) {
        return kind == LEAT_XDR_KIND_ARRAY || kind == LEAT_XDR_KIND_LIST || kind == LEAT_XDR_KIND_OPTIONAL ||
               kind == LEAT_XDR_KIND_HELD || kind == LEAT_XDR_KIND_CHAIN;
}

/* Arrays of things that are not on the wire. */
static bool is_array_of_nothing(const struct code *code, const struct leat_xdr_node *node) {
        return (node->kind == LEAT_XDR_KIND_ARRAY || node->kind == LEAT_XDR_KIND_LIST) &&
               code_node(code, node->first)->wire_min == 0;
}

/*
 * All from this node to the one that holds no other are straight, or none is. Each is gone by once: the way is as long as a chain of typedefs.
 * A typedef may name itself by way of lists alone: that way comes back to where it was, and is not straight.
 */
static void follow(const struct code *code, uint32_t node) {
        uint32_t end = node;
        while (!(code->told[end] & CODE_FOLLOWED)) {
                const struct leat_xdr_node *at = code_node(code, end);
                code->told[end] |= CODE_FOLLOWED;
                if (is_array_of_nothing(code, at))
                        return;
                if (holds_another(at->kind))
                        end = at->first;
                else if (!(at->flags & LEAT_XDR_FLAG_RECURSIVE))
                        code->told[end] |= CODE_STRAIGHT;
        }
        if (code->told[end] & CODE_STRAIGHT)
                for (; node != end; node = code_node(code, node)->first)
                        code->told[node] |= CODE_STRAIGHT;
}

bool code_is_straight(const struct code *code, uint32_t node) {
        if (!(code->told[node] & CODE_FOLLOWED))
                follow(code, node);
        return code->told[node] & CODE_STRAIGHT;
}

unsigned int code_number_size(const struct code *code, uint32_t node) {
        switch (code_node(code, node)->kind) {
        case LEAT_XDR_KIND_INT:
        case LEAT_XDR_KIND_UNSIGNED:
        case LEAT_XDR_KIND_FLOAT:
                return 4;
        case LEAT_XDR_KIND_HYPER:
        case LEAT_XDR_KIND_UNSIGNED_HYPER:
        case LEAT_XDR_KIND_DOUBLE:
                return 8;
        default:
                return 0;
        }
}

bool code_is_leaf(const struct code *code, uint32_t node) {
        const struct leat_xdr_node *at = code_node(code, node);
        return at->kind <= LEAT_XDR_KIND_FIXED ||
               (at->kind == LEAT_XDR_KIND_ARRAY && code_number_size(code, at->first));
}

uint64_t code_leaf_size(const struct code *code, uint32_t node) {
        const struct leat_xdr_node *at = code_node(code, node);
        unsigned int size = code_number_size(code, node);
        switch (at->kind) {
        case LEAT_XDR_KIND_VOID:
                return 0;
        case LEAT_XDR_KIND_QUADRUPLE:
                return 16;
        case LEAT_XDR_KIND_FIXED:
                return ((uint64_t)at->bound + 3) & ~(uint64_t)3;
        case LEAT_XDR_KIND_ARRAY:
                return (uint64_t)at->bound * code_number_size(code, at->first);
        default:
                return size ? size : 4;
        }
}

uint32_t code_link(const struct code *code, uint32_t node) {
        const struct leat_xdr_node *at = code_node(code, node);
        if (at->kind != LEAT_XDR_KIND_STRUCT || !at->count)
                return 0;
        uint32_t last = code->schema->fields[at->first + at->count - 1].node;
        const struct leat_xdr_node *link = code_node(code, last);
        return link->kind == LEAT_XDR_KIND_CHAIN && link->first == node ? last : 0;
}

bool code_has_function(const struct code *code, uint32_t node) {
        unsigned int kind = code_node(code, node)->kind;
        return node && node < code->schema->code_count && code_is_straight(code, node) && kind != LEAT_XDR_KIND_HELD &&
               (kind == LEAT_XDR_KIND_STRUCT || kind == LEAT_XDR_KIND_UNION || holds_another(kind));
}

const char *code_name(const struct code *code, uint32_t node) {
        const struct definition *definition = code->schema->nodes[node].definition;
        if (definition && definition->c_name)
                return definition->c_name;
        return job_format(code->job, "%s_type_%u", code->interface->table, (unsigned int)node);
}

/* ---- places ---- */

const char *place_member(const struct code *code, const char *place, const char *member) {
        return job_format(code->job, *place == '*' ? "%s->%s" : "%s.%s", *place == '*' ? place + 1 : place, member);
}

const char *place_index(const struct code *code, const char *place, const char *index) {
        return job_format(code->job, *place == '*' ? "(%s)[%s]" : "%s[%s]", place, index);
}

const char *place_at(const struct code *code, const char *place) {
        return *place == '*' ? job_format(code->job, "*(%s)", place) : job_format(code->job, "*%s", place);
}

/* "(*value)", but not "(*value)[i]". */
static bool is_in_parentheses(const char *place) {
        unsigned depth = 0;
        for (; *place; place++) {
                depth += *place == '(';
                depth -= *place == ')';
                if (depth == 0)
                        return place[0] == ')' && place[1] == '\0';
        }
        return false;
}

const char *place_address(const struct code *code, const char *place) {
        if (place[0] != '*')
                return job_format(code->job, "&%s", place);
        return is_in_parentheses(place + 1) ? job_intern(code->job, place + 2, strlen(place) - 3) : place + 1;
}

/* ---- lists of pieces ---- */

void pieces_add(const struct code *code, struct pieces *pieces, uint32_t node, const char *place) {
        if (code_is_leaf(code, node) && !code_leaf_size(code, node))
                return; /* it is nothing: void, opaque[0] */
        pieces->piece = job_grow(code->job, pieces->piece, pieces->count, &pieces->room, sizeof(*pieces->piece));
        pieces->piece[pieces->count++] = (struct piece){ node, place };
}

/* How many leaves a structure of nothing but leaves has; more than CODE_SHORT_LEAVES: too many, or it is another kind of thing. */
static size_t count_leaves(const struct code *code, uint32_t node, unsigned int deep) {
        const struct leat_xdr_node *at = code_node(code, node);
        if (code_is_leaf(code, node))
                return 1;
        if (at->kind != LEAT_XDR_KIND_STRUCT || deep == 0)
                return CODE_SHORT_LEAVES + 1;
        size_t count = 0;
        for (size_t i = 0; i < at->count && count <= CODE_SHORT_LEAVES; i++)
                count += count_leaves(code, code->schema->fields[at->first + i].node, deep - 1);
        return count;
}

void pieces_add_value(const struct code *code, struct pieces *pieces, uint32_t node, const char *place) {
        if (code_node(code, node)->kind == LEAT_XDR_KIND_STRUCT && count_leaves(code, node, DEEP) <= CODE_SHORT_LEAVES)
                pieces_add_fields(code, pieces, node, place);
        else
                pieces_add(code, pieces, node, place);
}

void pieces_add_fields(const struct code *code, struct pieces *pieces, uint32_t node, const char *place) {
        const struct leat_xdr_node *at = code_node(code, node);
        for (size_t i = 0; i < at->count; i++) {
                const struct planned_field *field = &code->schema->fields[at->first + i];
                if (field->c_member)
                        pieces_add_value(code, pieces, field->node, place_member(code, place, field->c_member));
        }
}
