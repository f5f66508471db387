/* SPDX-License-Identifier: MIT */
#include "tools/leatgen/emit.h"

#include "tools/leatgen/names.h"
#include <ctype.h>
#include <string.h>

static const char *const primitive_types[] = {
        [TYPE_VOID] = NULL,
        [TYPE_INT] = "int32_t",
        [TYPE_UNSIGNED] = "uint32_t",
        [TYPE_HYPER] = "int64_t",
        [TYPE_UNSIGNED_HYPER] = "uint64_t",
        [TYPE_FLOAT] = "float",
        [TYPE_DOUBLE] = "double",
        [TYPE_QUADRUPLE] = "struct leat_xdr_quadruple",
        [TYPE_BOOL] = "bool",
        [TYPE_CHAR] = "int8_t",
        [TYPE_UNSIGNED_CHAR] = "uint8_t",
        [TYPE_SHORT] = "int16_t",
        [TYPE_UNSIGNED_SHORT] = "uint16_t",
        [TYPE_STRING] = "struct leat_xdr_string",
        [TYPE_OPAQUE] = "struct leat_xdr_bytes",
        [TYPE_NAMED] = NULL,
};
_Static_assert(sizeof(primitive_types) / sizeof(primitive_types[0]) == TYPE_KIND_MAX + 1, "one for each kind of type");

const char *c_type_of(const struct type *type) {
        return type->kind == TYPE_NAMED ? type->definition->c_type : primitive_types[type->kind];
}

/* ---- numbers ---- */

void emit_int(struct page *page, int32_t value) {
        if (value == INT32_MIN) /* C has no negative numbers to write: 2147483648 is no int */
                page_add(page, "-2147483647 - 1");
        else
                page_format(page, "%d", value);
}

/* ---- comments ---- */

static void emit_comment_line(struct page *page, const char *text, size_t size) {
        for (size_t i = 0; i < size; i++) {
                bool mark = i > 0 && ((text[i - 1] == '*' && text[i] == '/') || (text[i - 1] == '/' && text[i] == '*'));
                if (mark)
                        page_add(page, " ");
                if (text[i] == '\t')
                        page_add(page, " ");
                else if ((uint8_t)text[i] >= ' ' && text[i] != 127)
                        page_add_bytes(page, &text[i], 1);
        }
}

void emit_comment(struct page *page, const char *text, unsigned indent) {
        if (!text || !text[0])
                return;
        bool several = strchr(text, '\n') != NULL;
        page_format(page, "%*s/*", (int)indent, "");
        for (const char *line = text; line;) {
                const char *end = strchr(line, '\n');
                size_t size = end ? (size_t)(end - line) : strlen(line);
                if (several)
                        page_format(page, "\n%*s *", (int)indent, "");
                if (size > 0)
                        page_add(page, " ");
                emit_comment_line(page, line, size);
                line = end ? end + 1 : NULL;
        }
        if (several)
                page_format(page, "\n%*s */\n", (int)indent, "");
        else
                page_add(page, " */\n");
}

void emit_origin(struct page *page, const struct interface *interface) {
        page_add(page, "/* Made by leatgen from ");
        emit_comment_line(page, interface->base, strlen(interface->base));
        page_add(page, ".x. Do not edit it: what is changed here is lost when it is made again. */\n");
}

/* ---- long lines ---- */

#define LINE_MOST 120u

void emit_wrapped(struct page *page, const struct page *line, unsigned indent) {
        const char *at = line->bytes;
        size_t room = LINE_MOST - indent;
        page_format(page, "%*s", (int)indent, "");
        while (strlen(at) > room) {
                size_t size = 0;
                for (size_t i = 0; i < room; i++)
                        if (at[i] == ',' && at[i + 1] == ' ')
                                size = i + 1;
                if (size == 0)
                        break;
                page_add_bytes(page, at, size);
                page_format(page, "\n%*s", (int)indent + 8, "");
                at += size + 1;
                room = LINE_MOST - indent - 8;
        }
        page_add(page, at);
        page_add(page, "\n");
}

/* ---- declarations ---- */

/* A constant of the interface by its name, all else as a number; C has no array of none. */
static void emit_bound(struct page *page, const struct declaration *declaration) {
        const struct number *bound = declaration->bound;
        if (declaration->bound_value == 0)
                page_add(page, "1");
        else if (bound && bound->name && bound->constant && bound->constant->kind == DEFINITION_CONST &&
                 bound->constant->c_name)
                page_add(page, bound->constant->c_name);
        else
                page_format(page, "%u", declaration->bound_value);
}

static bool ends_with_star(const char *c_type) {
        return c_type[strlen(c_type) - 1] == '*';
}

static void emit_list(struct page *page, const struct declaration *declaration, const char *name, const char *tag,
                      unsigned indent) {
        const char *element = c_type_of(&declaration->type);
        page_format(page, "struct %s%s{\n", tag ? tag : "", tag ? " " : "");
        page_format(page, "%*s        %s%s*items;\n", (int)indent, "", element, ends_with_star(element) ? "" : " ");
        page_format(page, "%*s        uint32_t count;\n", (int)indent, "");
        page_format(page, "%*s} %s", (int)indent, "", name);
}

void emit_declaration(struct page *page, const struct declaration *declaration, const char *name, const char *tag,
                      unsigned indent) {
        const char *type = c_type_of(&declaration->type);
        bool counted = declaration->type.kind == TYPE_STRING || declaration->type.kind == TYPE_OPAQUE;
        switch (declaration->shape) {
        case SHAPE_PLAIN:
                page_format(page, "%s %s", type, name);
                return;
        case SHAPE_OPTIONAL:
                page_format(page, "%s *%s", type, name);
                return;
        case SHAPE_VARIABLE:
                if (counted)
                        page_format(page, "%s %s", type, name);
                else
                        emit_list(page, declaration, name, tag, indent);
                return;
        case SHAPE_FIXED:
                page_format(page, "%s %s[", counted ? "uint8_t" : type, name);
                emit_bound(page, declaration);
                page_add(page, "]");
        }
}

/* C has no pointer to an array of what is not complete yet: of those it is one to the first. */
bool is_incomplete(const struct declaration *declaration) {
        return declaration->type.kind == TYPE_NAMED && declaration->type.definition->recursive;
}

void emit_held(struct page *page, const struct declaration *declaration, const char *name) {
        bool bytes = declaration->type.kind == TYPE_OPAQUE;
        page_format(page, "%s ", bytes ? "uint8_t" : c_type_of(&declaration->type));
        if (declaration->shape != SHAPE_FIXED || is_incomplete(declaration)) {
                page_format(page, "*%s", name);
                return;
        }
        page_format(page, "(*%s)[", name);
        emit_bound(page, declaration);
        page_add(page, "]");
}

/* ---- parameters ---- */

enum passing passing_of(const struct schema *schema, const struct declaration *declaration) {
        switch (schema->nodes[declaration->node].node.kind) {
        case LEAT_XDR_KIND_QUADRUPLE:
        case LEAT_XDR_KIND_BYTES:
        case LEAT_XDR_KIND_STRING:
        case LEAT_XDR_KIND_LIST:
        case LEAT_XDR_KIND_STRUCT:
        case LEAT_XDR_KIND_UNION:
                return PASS_ADDRESS;
        case LEAT_XDR_KIND_FIXED:
        case LEAT_XDR_KIND_ARRAY:
                return PASS_ARRAY;
        case LEAT_XDR_KIND_OPTIONAL:
        case LEAT_XDR_KIND_CHAIN:
                return PASS_POINTER;
        default:
                return PASS_VALUE;
        }
}

const char *pointed_to(const struct schema *schema, const struct declaration *declaration) {
        return schema->nodes[schema->nodes[declaration->node].node.first].c_type;
}

void emit_parameter(struct page *page, const struct schema *schema, const struct declaration *declaration) {
        const char *type = c_type_of(&declaration->type), *name = declaration->c_name;
        switch (passing_of(schema, declaration)) {
        case PASS_VALUE:
                page_format(page, "%s %s", type, name);
                return;
        case PASS_POINTER:
                page_format(page, "const %s *%s", pointed_to(schema, declaration), name);
                return;
        case PASS_ARRAY:
                page_format(page, "const %s %s", type, name);
                return;
        case PASS_ADDRESS:
                page_format(page, "const %s *%s", type, name);
        }
}

void emit_result(struct page *page, const struct schema *schema, const struct declaration *declaration) {
        const char *type = c_type_of(&declaration->type);
        switch (passing_of(schema, declaration)) {
        case PASS_POINTER:
                page_format(page, "%s **ret_result", pointed_to(schema, declaration));
                return;
        case PASS_ARRAY:
                page_format(page, "%s ret_result", type);
                return;
        default:
                page_format(page, "%s *ret_result", type);
        }
}

void emit_values(struct page *page, const struct schema *schema, const struct procedure *procedure) {
        for (const struct declaration *argument = procedure->arguments; argument; argument = argument->next) {
                emit_parameter(page, schema, argument);
                page_add(page, ", ");
        }
        if (!has_result(procedure))
                return;
        emit_result(page, schema, &procedure->result);
        page_add(page, ", ");
}

/* ---- programs ---- */

const char *procedure_member(struct job *job, const struct interface *interface, const struct procedure *procedure) {
        const char *name = procedure->c_name;
        size_t prefix = strlen(interface->prefix);
        if (strncmp(name, interface->prefix, prefix) == 0 && name[prefix] == '_' && name[prefix + 1])
                name += prefix + 1;
        size_t size = strlen(name);
        while (size > 0 && isdigit((unsigned char)name[size - 1]))
                size--;
        size -= size > 0 && name[size - 1] == '_';
        const char *member = job_intern(job, name, size > 0 ? size : strlen(name));
        return name_for_c(job, isdigit((unsigned char)member[0]) ? job_format(job, "_%s", member) : member);
}

void for_versions(struct job *job, const struct interface *interface, const struct schema *schema, struct page *page,
                  version_step *step) {
        for (const struct definition *program = interface->definitions; program; program = program->next)
                if (program->kind == DEFINITION_PROGRAM && !program->imported)
                        for (const struct version *version = program->versions; version; version = version->next)
                                step(job, interface, schema, program, version, page);
}
