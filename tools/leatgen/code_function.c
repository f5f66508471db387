/* SPDX-License-Identifier: MIT */
#include "tools/leatgen/code.h"

#include <assert.h>
#include <stdlib.h>

/* ---- unions ---- */

static int compare_labels(const void *one, const void *other) {
        const struct planned_value *left = one, *right = other;
        if (left->arm != right->arm)
                return left->arm < right->arm ? -1 : 1;
        return left->value < right->value ? -1 : left->value > right->value;
}

/* A union's labels, those of an arm side by side. */
static struct planned_value *sort_labels(const struct code *code, const struct leat_xdr_node *node) {
        struct planned_value *sorted = job_take(code->job, (node->count + (size_t)1) * sizeof(*sorted));
        for (size_t i = 0; i < node->count; i++)
                sorted[i] = code->schema->values[node->bound + i];
        qsort(sorted, node->count, sizeof(*sorted), compare_labels);
        return sorted;
}

static int compare_value(const void *key, const void *one) {
        int32_t value = *(const int32_t *)key, other = ((const struct planned_value *)one)->value;
        return value < other ? -1 : value > other;
}

/* What an enumeration calls a number, as a comment behind it. */
static const char *label_comment(const struct code *code, const struct leat_xdr_node *discriminant, int32_t value) {
        const struct planned_value *found = NULL;
        if (discriminant->kind == LEAT_XDR_KIND_ENUM)
                found = bsearch(&value, code->schema->values + discriminant->first, discriminant->count, sizeof(*found),
                                compare_value);
        return found && found->name ? job_format(code->job, " /* %s */", found->name) : "";
}

static void write_arm(struct code *code, const struct planned_field *field) {
        if (field->c_member)
                code_move_one(code, 2, field->node, place_member(code, "*value", field->c_member));
        code_return(code, 2);
}

static void write_union(struct code *code, uint32_t node) {
        const struct leat_xdr_node *at = code_node(code, node);
        const struct planned_field *fields = code->schema->fields + at->first;
        const struct leat_xdr_node *discriminant = code_node(code, fields->node);
        const char *place = place_member(code, "*value", fields->c_member);
        const struct planned_value *labels = sort_labels(code, at);
        code_move_one(code, 1, fields->node, place);
        code_line(code, 1, "switch ((int32_t)%s) {", place);
        for (size_t i = 0; i < at->count; i++) {
                code_line(code, 1, "case %s:%s", code_number(code, labels[i].value),
                          label_comment(code, discriminant, labels[i].value));
                if (i + 1 == at->count || labels[i + 1].arm != labels[i].arm)
                        write_arm(code, &fields[labels[i].arm]);
        }
        code_line(code, 1, "default:");
        if (at->flags & LEAT_XDR_FLAG_DEFAULT)
                write_arm(code, &fields[1]);
        else
                code_line(code, 2, "return NULL;");
        code_line(code, 1, "}");
}

/* ---- structures, lists and others ---- */

/* A loop over a chain: the last piece, its link, returns where there is no more. */
static void write_chain(struct code *code, const struct pieces *pieces, const char *type) {
        assert(pieces->count > 0);
        const char *link = pieces->piece[pieces->count - 1].place;
        code_line(code, 1, "for (%s%s *value = %s;; value = %s) {", code->decodes ? "" : "const ", type,
                  code->decodes ? "to" : "from", link);
        code_move(code, 2, pieces);
        code_line(code, 1, "}");
}

static void write_body(struct code *code, uint32_t node, const char *type) {
        struct pieces pieces = { 0 };
        bool structure = code_node(code, node)->kind == LEAT_XDR_KIND_STRUCT;
        const char *variable = code->decodes ? "to" : "from";
        if (structure)
                pieces_add_fields(code, &pieces, node, "*value");
        code->own = node;
        code->link = code_link(code, node);
        if (code->link) {
                write_chain(code, &pieces, type);
                return;
        }
        if (structure && !pieces.count) {
                code_line(code, 1, "(void)%s;", code->decodes ? "decoder" : "encoder");
                code_line(code, 1, "(void)%s;", variable);
                code_return(code, 1);
                return;
        }
        code_line(code, 1, "%s%s *value = %s;", code->decodes ? "" : "const ", type, variable);
        if (code_node(code, node)->kind == LEAT_XDR_KIND_UNION) {
                write_union(code, node);
                return;
        }
        if (structure)
                code_move(code, 1, &pieces);
        else
                code_move_one(code, 1, node, "*value");
        code_return(code, 1);
}

void code_function(struct code *code, uint32_t node) {
        const char *name = code_name(code, node);
        if (code->decodes)
                code_line(code, 0,
                          "static const uint8_t *decode_%s(struct leat_xdr_decoder *decoder, const uint8_t *at, "
                          "void *to) {",
                          name);
        else
                code_line(code, 0,
                          "static uint8_t *encode_%s(struct leat_xdr_encoder *encoder, uint8_t *at, "
                          "const void *from) {",
                          name);
        write_body(code, node, code->schema->nodes[node].c_type);
        code_line(code, 0, "}\n");
}
