/* SPDX-License-Identifier: MIT */
#include "tools/leatgen/emit.h"

#include "tools/leatgen/emit_types.h"
#include "tools/leatgen/names.h"
#include "tools/leatgen/stages.h"
#include <ctype.h>
#include <stdarg.h>

/* ---- constants ---- */

/* A number as a C constant of a type that holds it. */
static void emit_number(struct page *page, __int128 value, bool hexadecimal) {
        if (value == INT32_MIN)
                page_add(page, "(-2147483647 - 1)");
        else if (value == INT64_MIN)
                page_add(page, "(-9223372036854775807LL - 1)");
        else if (value < 0)
                page_format(page, "(-%llu%s)", (unsigned long long)-value, value < INT32_MIN ? "LL" : "");
        else
                page_format(page, hexadecimal ? "0x%llx%s" : "%llu%s", (unsigned long long)value,
                            value > INT64_MAX    ? "ULL"
                            : value > UINT32_MAX ? "LL"
                            : value > INT32_MAX  ? "u"
                                                 : "");
}

static bool is_hexadecimal(const struct number *number) {
        return !number->name && number->text && number->text[0] == '0' && (number->text[1] | 0x20) == 'x';
}

static void emit_constant(struct page *page, const struct definition *definition) {
        emit_comment(page, definition->documentation, 0);
        page_format(page, "#define %s ", definition->c_name);
        emit_number(page, definition->number.value, is_hexadecimal(&definition->number));
        page_add(page, "\n");
}

/* ---- the functions of a type ---- */

static void emit_signature(struct page *page, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void emit_signature(struct page *page, const char *format, ...) {
        struct page line = { 0 };
        va_list arguments;
        va_start(arguments, format);
        page_format_list(&line, format, arguments);
        va_end(arguments);
        page_add(page, "\n");
        emit_wrapped(page, &line, 0);
        page_free(&line);
}

static void emit_type_functions(struct page *page, const struct interface *interface, const struct schema *schema,
                                const struct definition *definition) {
        uint8_t kind = schema->nodes[definition->node].node.kind;
        const char *star = kind == LEAT_XDR_KIND_FIXED || kind == LEAT_XDR_KIND_ARRAY ? "" : "*";
        const char *name = definition->c_name, *c_type = definition->c_type;
        emit_signature(page, "static inline struct leat_xdr_type %s_type(void) {", name);
        page_format(page,
                    "        struct leat_xdr_type type = { &%s_schema, %u };\n"
                    "        return type;\n"
                    "}\n",
                    interface->table, definition->node);
        emit_signature(page,
                       "static inline int %s_encode(const %s %svalue, struct leat_xdr_buffer *buffer, "
                       "struct leat_xdr_fault *ret_fault) {",
                       name, c_type, star);
        page_format(page, "        return leat_xdr_encode(%s_type(), value, buffer, ret_fault);\n}\n", name);
        emit_signature(
                page,
                "static inline int %s_decode(const void *bytes, size_t size_bytes, struct leat_xdr_arena *arena, "
                "const struct leat_xdr_rules *rules, %s %sret_value, struct leat_xdr_fault *ret_fault) {",
                name, c_type, star);
        page_format(
                page,
                "        return leat_xdr_decode(%s_type(), bytes, size_bytes, arena, rules, ret_value, ret_fault);\n"
                "}\n",
                name);
}

/* ---- programs ---- */

static void emit_argument_structures(struct job *job, const struct interface *interface, const struct schema *schema,
                                     const struct definition *program, const struct version *version,
                                     struct page *page) {
        (void)job, (void)interface, (void)schema, (void)program;
        for (const struct procedure *procedure = version->procedures; procedure; procedure = procedure->next)
                if (procedure->argument_type)
                        emit_structure(page, procedure->argument_type);
}

/* "5s", in the largest unit that has it whole. */
static void emit_time(struct page *page, int64_t ns) {
        static const struct {
                const char *name;
                int64_t ns;
        } units[] = { { "m", 60000000000 }, { "s", 1000000000 }, { "ms", 1000000 }, { "us", 1000 }, { "ns", 1 } };
        size_t i = 0;
        while (ns % units[i].ns)
                i++;
        page_format(page, "%lld%s", (long long)(ns / units[i].ns), units[i].name);
}

/* What the file says of a procedure: its comment, and a line for its attributes. */
static void emit_procedure_comment(struct page *page, const struct procedure *procedure, unsigned indent) {
        const char *documentation = procedure->documentation;
        struct page text = { 0 };
        if (documentation)
                page_add(&text, documentation);
        if (documentation && (procedure->idempotent || procedure->stream || procedure->timeout_ns))
                page_add(&text, "\n");
        const char *between = "";
        if (procedure->idempotent) {
                page_add(&text, "Idempotent: it may be tried again.");
                between = " ";
        }
        if (procedure->stream) {
                page_format(&text, "%sStream: of results.", between);
                between = " ";
        }
        if (procedure->timeout_ns) {
                page_format(&text, "%sDeadline: ", between);
                emit_time(&text, procedure->timeout_ns);
                page_add(&text, ", with LEAT_RPC_TIMEOUT.");
        }
        emit_comment(page, text.bytes, indent);
        page_free(&text);
}

static void emit_procedure(struct job *job, const struct schema *schema, const struct version *version,
                           const struct procedure *procedure, unsigned index, struct page *page) {
        page_format(page, "\n#define %s %uu\n", text_upper(job, procedure->c_name), (unsigned)procedure->number.value);
        emit_procedure_comment(page, procedure, 0);
        emit_stub_head(page, schema, procedure, STUB_CALL, ";");
        emit_stub(page, schema, version, procedure, index, STUB_START);
}

static void emit_functions(struct job *job, const struct interface *interface, const struct schema *schema,
                           const struct version *version, struct page *page) {
        page_format(page,
                    "\n/* What a server does: each returns 0, or a negative errno. One that is NULL is not there. */\n"
                    "struct %s_functions {\n",
                    version->c_name);
        for (const struct procedure *procedure = version->procedures; procedure; procedure = procedure->next) {
                struct page line = { 0 };
                emit_procedure_comment(page, procedure, 8);
                page_format(&line, "int (*%s)(", procedure_member(job, interface, procedure));
                emit_values(&line, schema, procedure);
                page_add(&line, "struct leat_rpc_request *request, void *userdata);");
                emit_wrapped(page, &line, 8);
                page_free(&line);
        }
        if (!version->procedures)
                page_add(page, "        int (*nothing)(void);\n");
        page_format(page,
                    "};\n\n/* functions is kept. */\n"
                    "struct leat_rpc_service %s_server(const struct %s_functions *functions, void *userdata);\n",
                    version->c_name, version->c_name);
}

static void emit_version(struct job *job, const struct interface *interface, const struct schema *schema,
                         const struct definition *program, const struct version *version, struct page *page) {
        page_format(page, "\n/* ---- %s, %s ---- */\n\n", program->name, version->name);
        if (version == program->versions) {
                emit_comment(page, program->documentation, 0);
                page_format(page, "#define %s 0x%xu\n", program->c_name, (unsigned)program->program_number.value);
        }
        emit_comment(page, version->documentation, 0);
        page_format(page, "#define %s_VERSION %uu\n\nextern const struct leat_rpc_program %s_program;\n",
                    text_upper(job, version->c_name), (unsigned)version->number.value, version->c_name);
        unsigned index = 0;
        for (const struct procedure *procedure = version->procedures; procedure; procedure = procedure->next)
                emit_procedure(job, schema, version, procedure, index++, page);
        emit_functions(job, interface, schema, version, page);
}

/* ---- the file ---- */

static void emit_guard(struct page *page, const struct interface *interface) {
        page_add(page, "LEATGEN_");
        for (const char *at = interface->base; *at; at++)
                page_format(page, "%c", isalnum((unsigned char)*at) ? toupper((unsigned char)*at) : '_');
        page_add(page, "_H\n");
}

static void emit_head(struct page *page, const struct interface *interface) {
        emit_origin(page, interface);
        page_add(page, "#ifndef ");
        emit_guard(page, interface);
        page_add(page, "#define ");
        emit_guard(page, interface);
        page_add(page, "\n");
        if (interface->documentation && interface->documentation[0]) {
                emit_comment(page, interface->documentation, 0);
                page_add(page, "\n");
        }
        if (interface_has_program(interface))
                page_add(page, "#include <leat/rpc.h>\n");
        page_add(page, "#include <leat/xdr.h>\n#include <stdbool.h>\n");
        if (interface_has_program(interface)) /* several arguments are copied together */
                page_add(page, "#include <string.h>\n");
}

static bool is_in_header(const struct definition *definition) {
        if (definition->imported || definition->kind == DEFINITION_PROGRAM)
                return false;
        return definition->kind != DEFINITION_VERBATIM || (definition->outputs & FOR_HEADER);
}

static void emit_definition(struct job *job, const struct interface *interface, struct page *page,
                            struct definition *definition, bool left_out) {
        if (definition->kind == DEFINITION_CONST)
                emit_constant(page, definition);
        else if (definition->kind == DEFINITION_VERBATIM)
                verbatim_line(job, interface, page, definition, !left_out);
        else
                emit_type(job, page, definition);
}

static void emit_definitions(struct job *job, const struct interface *interface, struct page *page) {
        enum definition_kind before = DEFINITION_PROGRAM;
        bool left_out = false;
        verbatim_begin(job, interface, FOR_HEADER);
        for (struct definition *definition = interface->definitions; definition; definition = definition->next) {
                if (!is_in_header(definition))
                        continue;
                bool line = definition->kind == DEFINITION_VERBATIM, shown = !(line && definition->seen);
                if (shown && definition->kind != before && (line || definition->kind == DEFINITION_CONST))
                        page_add(page, "\n");
                before = shown ? definition->kind : before;
                emit_definition(job, interface, page, definition, left_out);
                left_out = !shown;
        }
        verbatim_end(interface);
}

void emit_header(struct job *job, const struct interface *interface, const struct schema *schema, struct page *page) {
        emit_head(page, interface);
        emit_definitions(job, interface, page);
        for_versions(job, interface, schema, page, emit_argument_structures);
        page_add(page, "\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n");
        page_format(page, "\nextern const struct leat_xdr_schema %s_schema;\n", interface->table);
        for (const struct definition *definition = interface->definitions; definition; definition = definition->next)
                if (!definition->imported && definition_is_type(definition))
                        emit_type_functions(page, interface, schema, definition);
        for_versions(job, interface, schema, page, emit_version);
        page_add(page, "\n#ifdef __cplusplus\n}\n#endif\n\n#endif\n");
}
