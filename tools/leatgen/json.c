/* SPDX-License-Identifier: MIT */
/*
 * --print json: the interface as data, for other tools. docs/leatgen.md says what each key means. Every key is always there, null where
 * there is nothing to say, so that a reader never has to ask whether one is. The bytes of texts that are no UTF-8 (comments in
 * Latin-1) are written as the characters that they are in Latin-1: JSON is UTF-8 throughout.
 */
#include "tools/leatgen/source.h"
#include "tools/leatgen/stages.h"
#include <assert.h>
#include <string.h>

#define JSON_VERSION 1

struct json {
        struct page *page;
        unsigned depth;
        bool first; /* in the object or array */
};

/* ---- the pieces of JSON ---- */

/* The size of the UTF-8 sequence that begins here, 0: it is none. Overlong ones and surrogates are none. */
static size_t utf8_size(const uint8_t *at, size_t left) {
        static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
        size_t size = *at < 0x80             ? 1
                      : (*at & 0xE0) == 0xC0 ? 2
                      : (*at & 0xF0) == 0xE0 ? 3
                      : (*at & 0xF8) == 0xF0 ? 4
                                             : 0;
        if (size < 2)
                return size;
        if (size > left)
                return 0;
        uint32_t character = *at & (0x7Fu >> size);
        for (size_t i = 1; i < size; i++) {
                if ((at[i] & 0xC0) != 0x80)
                        return 0;
                character = character << 6 | (at[i] & 0x3Fu);
        }
        bool surrogate = character >= 0xD800 && character <= 0xDFFF;
        return character < least[size] || character > 0x10FFFF || surrogate ? 0 : size;
}

static void add_string(struct page *page, const char *text) {
        size_t left = strlen(text);
        page_add(page, "\"");
        for (const uint8_t *at = (const uint8_t *)text; left;) {
                size_t size = utf8_size(at, left);
                if (size == 0 || *at < 0x20 || *at == 0x7F)
                        page_format(page, *at == '\n' ? "\\n" : *at == '\t' ? "\\t" : "\\u%04x", *at);
                else if (*at == '"' || *at == '\\')
                        page_format(page, "\\%c", *at);
                else
                        page_add_bytes(page, (const char *)at, size);
                size += size == 0;
                at += size;
                left -= size;
        }
        page_add(page, "\"");
}

/* A __int128 that holds every hyper and unsigned hyper. */
static void add_number(struct page *page, __int128 value) {
        if (value < 0)
                page_format(page, "%lld", (long long)value);
        else
                page_format(page, "%llu", (unsigned long long)value);
}

static void line(struct json *json) {
        page_add(json->page, json->first ? "\n" : ",\n");
        json->first = false;
        for (unsigned i = 0; i < json->depth; i++)
                page_add(json->page, "  ");
}

static void key(struct json *json, const char *name) {
        line(json);
        page_format(json->page, "\"%s\": ", name);
}

static void open_with(struct json *json, const char *bracket) {
        page_add(json->page, bracket);
        json->depth++;
        json->first = true;
}

static void close_with(struct json *json, const char *bracket) {
        bool empty = json->first;
        json->depth--;
        json->first = true;
        if (!empty)
                line(json);
        page_add(json->page, bracket);
        json->first = false;
}

static void open_key(struct json *json, const char *name, const char *bracket) {
        key(json, name);
        open_with(json, bracket);
}

static void item(struct json *json) {
        line(json);
        open_with(json, "{");
}

static void text_of(struct json *json, const char *name, const char *text) {
        key(json, name);
        if (text)
                add_string(json->page, text);
        else
                page_add(json->page, "null");
}

static void number_of(struct json *json, const char *name, __int128 value) {
        key(json, name);
        add_number(json->page, value);
}

static void truth_of(struct json *json, const char *name, bool value) {
        key(json, name);
        page_add(json->page, value ? "true" : "false");
}

/* ---- the interface ---- */

static void add_place(struct json *json, const struct place *place) {
        key(json, "place");
        if (!place->source) {
                page_add(json->page, "null");
                return;
        }
        page_add(json->page, "{ \"file\": ");
        add_string(json->page, place->source->name);
        page_format(json->page, ", \"line\": %u, \"column\": %u }", place->line, place->column);
}

/* A number with the name or the digits that were written for it. */
static void add_value(struct json *json, const struct number *number) {
        number_of(json, "value", number->value);
        text_of(json, "text", number->text);
}

static const char *const shape_names[] = {
        [SHAPE_PLAIN] = "plain",
        [SHAPE_FIXED] = "fixed",
        [SHAPE_VARIABLE] = "variable",
        [SHAPE_OPTIONAL] = "optional",
};
static_assert(sizeof(shape_names) / sizeof(*shape_names) == SHAPE_MAX + 1, "a name for each");

/* The keys of a declaration, in the object that is open. */
static void declaration_keys(struct json *json, const struct declaration *declaration) {
        const struct type *type = &declaration->type;
        text_of(json, "name", declaration->name);
        text_of(json, "c_name", declaration->c_name);
        text_of(json, "type", type_kind_names[type->kind]);
        text_of(json, "type_name", type->kind == TYPE_NAMED ? type->name : NULL);
        text_of(json, "type_c_name", type->definition ? type->definition->c_name : NULL);
        text_of(json, "shape", shape_names[declaration->shape]);
        bool bounded = declaration->shape == SHAPE_FIXED ||
                       (declaration->shape == SHAPE_VARIABLE && declaration->bound_value != UINT32_MAX);
        key(json, "bound");
        if (bounded)
                add_number(json->page, declaration->bound_value);
        else
                page_add(json->page, "null");
        text_of(json, "bound_text", declaration->bound ? declaration->bound->text : NULL);
        text_of(json, "documentation", declaration->documentation);
        add_place(json, &declaration->place);
}

static void add_declaration(struct json *json, const char *name, const struct declaration *declaration) {
        open_key(json, name, "{");
        declaration_keys(json, declaration);
        close_with(json, "}");
}

static void add_declarations(struct json *json, const char *name, const struct declaration *declaration) {
        open_key(json, name, "[");
        for (; declaration; declaration = declaration->next) {
                item(json);
                declaration_keys(json, declaration);
                close_with(json, "}");
        }
        close_with(json, "]");
}

static void add_enumerators(struct json *json, const struct enumerator *enumerator) {
        open_key(json, "enumerators", "[");
        for (; enumerator; enumerator = enumerator->next) {
                item(json);
                text_of(json, "name", enumerator->name);
                text_of(json, "c_name", enumerator->c_name);
                number_of(json, "value", enumerator->value);
                text_of(json, "text", enumerator->number ? enumerator->number->text : NULL);
                text_of(json, "documentation", enumerator->documentation);
                add_place(json, &enumerator->place);
                close_with(json, "}");
        }
        close_with(json, "]");
}

static void add_arms(struct json *json, const struct arm *arm) {
        open_key(json, "arms", "[");
        for (; arm; arm = arm->next) {
                item(json);
                truth_of(json, "default", arm->is_default);
                open_key(json, "labels", "[");
                for (const struct label *label = arm->labels; label; label = label->next) {
                        item(json);
                        number_of(json, "value", label->value);
                        text_of(json, "text", label->number.text);
                        close_with(json, "}");
                }
                close_with(json, "]");
                add_declaration(json, "declaration", &arm->declaration);
                add_place(json, &arm->place);
                close_with(json, "}");
        }
        close_with(json, "]");
}

static void add_procedure(struct json *json, const struct procedure *procedure) {
        item(json);
        text_of(json, "name", procedure->name);
        text_of(json, "c_name", procedure->c_name);
        add_value(json, &procedure->number);
        add_declaration(json, "result", &procedure->result);
        add_declarations(json, "arguments", procedure->arguments);
        truth_of(json, "idempotent", procedure->idempotent);
        truth_of(json, "stream", procedure->stream);
        key(json, "deadline_ns");
        if (procedure->timeout_ns)
                add_number(json->page, procedure->timeout_ns);
        else
                page_add(json->page, "null");
        text_of(json, "documentation", procedure->documentation);
        add_place(json, &procedure->place);
        close_with(json, "}");
}

static void add_versions(struct json *json, const struct version *version) {
        open_key(json, "versions", "[");
        for (; version; version = version->next) {
                item(json);
                text_of(json, "name", version->name);
                text_of(json, "c_name", version->c_name);
                add_value(json, &version->number);
                text_of(json, "documentation", version->documentation);
                add_place(json, &version->place);
                open_key(json, "procedures", "[");
                for (const struct procedure *procedure = version->procedures; procedure; procedure = procedure->next)
                        add_procedure(json, procedure);
                close_with(json, "]");
                close_with(json, "}");
        }
        close_with(json, "]");
}

static void add_outputs(struct json *json, uint32_t outputs) {
        static const struct {
                uint32_t bit;
                const char *name;
        } all[] = { { FOR_HEADER, "header" }, { FOR_XDR, "xdr" }, { FOR_CLIENT, "client" }, { FOR_SERVER, "server" } };
        key(json, "outputs");
        page_add(json->page, "[");
        const char *between = " ";
        for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
                if (outputs & all[i].bit) {
                        page_format(json->page, "%s\"%s\"", between, all[i].name);
                        between = ", ";
                }
        page_add(json->page, *between == ',' ? " ]" : "]");
}

static const char *const kind_names[] = {
        [DEFINITION_CONST] = "const",       [DEFINITION_ENUM] = "enum",       [DEFINITION_STRUCT] = "struct",
        [DEFINITION_UNION] = "union",       [DEFINITION_TYPEDEF] = "typedef", [DEFINITION_PROGRAM] = "program",
        [DEFINITION_VERBATIM] = "verbatim",
};
static_assert(sizeof(kind_names) / sizeof(*kind_names) == DEFINITION_KIND_MAX + 1, "a name for each");

static void add_content(struct json *json, const struct definition *definition) {
        switch (definition->kind) {
        case DEFINITION_CONST:
                add_value(json, &definition->number);
                break;
        case DEFINITION_ENUM:
                add_enumerators(json, definition->enumerators);
                break;
        case DEFINITION_STRUCT:
                add_declarations(json, "fields", definition->fields);
                break;
        case DEFINITION_UNION:
                add_declaration(json, "discriminant", &definition->discriminant);
                add_arms(json, definition->arms);
                break;
        case DEFINITION_TYPEDEF:
                add_declaration(json, "alias", &definition->alias);
                break;
        case DEFINITION_PROGRAM:
                add_value(json, &definition->program_number);
                add_versions(json, definition->versions);
                break;
        case DEFINITION_VERBATIM:
                text_of(json, "text", definition->text);
                break;
        }
}

static void add_definition(struct json *json, const struct definition *definition) {
        item(json);
        text_of(json, "kind", kind_names[definition->kind]);
        text_of(json, "name", definition->name);
        text_of(json, "c_name", definition->c_name);
        text_of(json, "c_type", definition->c_type);
        truth_of(json, "inline", definition->outer != NULL);
        truth_of(json, "imported", definition->imported);
        add_outputs(json, definition->outputs);
        text_of(json, "documentation", definition->documentation);
        add_place(json, &definition->place);
        add_content(json, definition);
        close_with(json, "}");
}

void print_json(struct job *job, const struct interface *interface, struct page *page) {
        struct json json = { .page = page };
        (void)job;
        open_with(&json, "{");
        number_of(&json, "leatgen", JSON_VERSION);
        text_of(&json, "file", interface->source ? interface->source->name : NULL);
        text_of(&json, "base", interface->base);
        text_of(&json, "prefix", interface->prefix);
        text_of(&json, "namespace", interface->namespace_name);
        text_of(&json, "package", interface->package_name);
        text_of(&json, "documentation", interface->documentation);
        open_key(&json, "definitions", "[");
        for (const struct definition *definition = interface->definitions; definition; definition = definition->next)
                add_definition(&json, definition);
        close_with(&json, "]");
        close_with(&json, "}");
        page_add(page, "\n");
}
