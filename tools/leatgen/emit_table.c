/* SPDX-License-Identifier: MIT */
#include "tools/leatgen/emit.h"
#include "tools/leatgen/stages.h"
#include <string.h>

/* ---- nodes ---- */

static const char *const kinds[] = {
        [LEAT_XDR_KIND_VOID] = "VOID",
        [LEAT_XDR_KIND_INT] = "INT",
        [LEAT_XDR_KIND_UNSIGNED] = "UNSIGNED",
        [LEAT_XDR_KIND_HYPER] = "HYPER",
        [LEAT_XDR_KIND_UNSIGNED_HYPER] = "UNSIGNED_HYPER",
        [LEAT_XDR_KIND_FLOAT] = "FLOAT",
        [LEAT_XDR_KIND_DOUBLE] = "DOUBLE",
        [LEAT_XDR_KIND_QUADRUPLE] = "QUADRUPLE",
        [LEAT_XDR_KIND_BOOL] = "BOOL",
        [LEAT_XDR_KIND_CHAR] = "CHAR",
        [LEAT_XDR_KIND_UNSIGNED_CHAR] = "UNSIGNED_CHAR",
        [LEAT_XDR_KIND_SHORT] = "SHORT",
        [LEAT_XDR_KIND_UNSIGNED_SHORT] = "UNSIGNED_SHORT",
        [LEAT_XDR_KIND_ENUM] = "ENUM",
        [LEAT_XDR_KIND_FIXED] = "FIXED",
        [LEAT_XDR_KIND_BYTES] = "BYTES",
        [LEAT_XDR_KIND_STRING] = "STRING",
        [LEAT_XDR_KIND_ARRAY] = "ARRAY",
        [LEAT_XDR_KIND_LIST] = "LIST",
        [LEAT_XDR_KIND_OPTIONAL] = "OPTIONAL",
        [LEAT_XDR_KIND_HELD] = "HELD",
        [LEAT_XDR_KIND_CHAIN] = "CHAIN",
        [LEAT_XDR_KIND_STRUCT] = "STRUCT",
        [LEAT_XDR_KIND_UNION] = "UNION",
};
_Static_assert(sizeof(kinds) / sizeof(kinds[0]) == LEAT_XDR_KIND_MAX + 1, "a name for each kind of node");

static const struct {
        uint8_t flag;
        const char *name;
} flags[] = {
        { LEAT_XDR_FLAG_DENSE, "DENSE" },     { LEAT_XDR_FLAG_BORROWED, "BORROWED" },
        { LEAT_XDR_FLAG_DEFAULT, "DEFAULT" }, { LEAT_XDR_FLAG_RECURSIVE, "RECURSIVE" },
        { LEAT_XDR_FLAG_FLAT, "FLAT" },
};

static void emit_flags(struct page *page, uint8_t set) {
        const char *between = "";
        for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
                if (!(set & flags[i].flag))
                        continue;
                page_format(page, "%sLEAT_XDR_FLAG_%s", between, flags[i].name);
                between = " | ";
        }
        page_add(page, between[0] ? "" : "0");
}

/* UINT32_MAX is "no bound". */
static void emit_most(struct page *page, uint32_t number) {
        if (number == LEAT_XDR_UNBOUNDED)
                page_add(page, "UINT32_MAX");
        else
                page_format(page, "%u", number);
}

static void emit_node(struct page *page, const struct planned_node *planned, size_t index) {
        const struct leat_xdr_node *node = &planned->node;
        page_format(page, "        { LEAT_XDR_KIND_%s, ", kinds[node->kind]);
        emit_flags(page, node->flags);
        page_format(page, ", %u, %u, ", node->count, node->first);
        emit_most(page, node->bound);
        if (planned->c_type)
                page_format(page, ", sizeof(%s), ", planned->c_type);
        else
                page_add(page, ", 0, ");
        emit_most(page, node->wire_min);
        page_format(page, " }, /* %zu */\n", index);
}

/* ---- tables ---- */

/* Compilers set tables on multiples of 32 bytes, if nobody says what they need. */
static void begin_table(struct page *page, const char *prefix, const char *row, bool small) {
        page_format(page, "\nstatic const struct leat_xdr_%s leat_%s_%ss[]%s = {\n", row, prefix, row,
                    small ? " __attribute__((aligned(4)))" : "");
}

static void emit_nodes(struct page *page, const char *prefix, const struct schema *schema, bool small) {
        if (schema->node_count <= 1)
                return;
        begin_table(page, prefix, "node", small);
        for (size_t i = 1; i < schema->node_count; i++) /* 0 is void in every schema */
                emit_node(page, &schema->nodes[i], i);
        page_add(page, "};\n");
}

static void emit_fields(struct page *page, const char *prefix, const struct schema *schema, bool small) {
        if (schema->field_count == 0)
                return;
        begin_table(page, prefix, "field", small);
        for (size_t i = 0; i < schema->field_count; i++) {
                const struct planned_field *field = &schema->fields[i];
                if (field->c_owner)
                        page_format(page, "        { offsetof(%s, %s), %u, %u }, /* %zu */\n", field->c_owner,
                                    field->c_member, field->node, field->text, i);
                else
                        page_format(page, "        { 0, 0, 0 }, /* %zu */\n", i);
        }
        page_add(page, "};\n");
}

static void emit_values_of(struct page *page, const char *prefix, const struct schema *schema, bool small) {
        if (schema->value_count == 0)
                return;
        begin_table(page, prefix, "value", small);
        for (size_t i = 0; i < schema->value_count; i++) {
                const struct planned_value *value = &schema->values[i];
                page_add(page, "        { ");
                emit_int(page, value->value);
                page_format(page, ", %u }, /* %zu */\n", value->name ? value->text : value->arm, i);
        }
        page_add(page, "};\n");
}

static void emit_names(struct page *page, const char *prefix, const struct schema *schema, bool small) {
        page_format(page, "\nstatic const char leat_%s_names[]%s =\n        \"\"", prefix,
                    small ? " __attribute__((aligned(1)))" : "");
        for (size_t at = 1; at < schema->names_size; at += strlen(schema->names + at) + 1)
                page_format(page, "\n        \"\\0\" \"%s\"", schema->names + at);
        page_add(page, ";\n");
}

static void emit_pointer(struct page *page, const char *prefix, const char *table, bool there) {
        if (there)
                page_format(page, "        leat_%s_%s,\n", prefix, table);
        else
                page_add(page, "        NULL,\n");
}

static void emit_schema(struct page *page, const char *prefix, const struct schema *schema, bool small) {
        page_format(page, "\nconst struct leat_xdr_schema %s_schema = {\n", prefix);
        emit_pointer(page, prefix, "nodes", schema->node_count > 1);
        emit_pointer(page, prefix, "fields", schema->field_count > 0);
        emit_pointer(page, prefix, "values", schema->value_count > 0);
        emit_pointer(page, prefix, "names", true);
        emit_pointer(page, prefix, "codes", !small);
        page_format(page, "        %zu,\n        %zu,\n        LEAT_XDR_SCHEMA,\n        %u,\n};\n", schema->node_count,
                    small ? 0 : schema->code_count, schema->name_shift);
}

void emit_xdr(struct job *job, const struct interface *interface, const struct schema *schema, struct page *page) {
        bool small = job->options->small;
        emit_origin(page, interface);
        page_format(page, "#include \"%s.h\"\n", interface->base);
        page_add(page, "#include <leat/xdr_code.h>\n#include <stddef.h>\n");
        emit_verbatim(job, page, interface, FOR_XDR);
        emit_nodes(page, interface->table, schema, small);
        emit_fields(page, interface->table, schema, small);
        emit_values_of(page, interface->table, schema, small);
        emit_names(page, interface->table, schema, small);
        if (!small)
                emit_code(job, interface, schema, page);
        emit_schema(page, interface->table, schema, small);
}
