/* SPDX-License-Identifier: MIT */
#include "tools/leatgen/emit.h"
#include "tools/leatgen/stages.h"

/* Several arguments are put into the structure that goes out. */
static void emit_filling(struct page *page, const struct schema *schema, const struct procedure *procedure) {
        page_format(page, "        %s arguments;\n", procedure->argument_type->c_type);
        for (const struct declaration *argument = procedure->arguments; argument; argument = argument->next) {
                const char *name = argument->c_name;
                switch (passing_of(schema, argument)) {
                case PASS_VALUE:
                        page_format(page, "        arguments.%s = %s;\n", name, name);
                        break;
                case PASS_POINTER: /* copied, not cast: whoever includes the header may have warnings of casts */
                        page_format(page, "        memcpy(&arguments.%s, &%s, sizeof(arguments.%s));\n", name, name,
                                    name);
                        break;
                case PASS_ARRAY:
                        page_format(page, "        memcpy(arguments.%s, %s, sizeof(arguments.%s));\n", name, name,
                                    name);
                        break;
                case PASS_ADDRESS:
                        page_format(page, "        arguments.%s = *%s;\n", name, name);
                        break;
                }
        }
}

/* What the library is given: the address of a value of the argument's type. */
static void emit_argument(struct page *page, const struct schema *schema, const struct procedure *procedure) {
        const struct declaration *argument = procedure->arguments;
        if (procedure->argument_type) {
                page_add(page, "&arguments");
                return;
        }
        if (!argument) {
                page_add(page, "NULL");
                return;
        }
        enum passing passing = passing_of(schema, argument);
        page_format(page, "%s%s", passing == PASS_VALUE || passing == PASS_POINTER ? "&" : "", argument->c_name);
}

static const struct {
        const char *type, *ending, *function;
} stubs[] = {
        [STUB_CALL] = { "int", "", "leat_rpc_call" },
        [STUB_START] = { "static inline int", "_start", "leat_rpc_start" },
};

void emit_stub_head(struct page *page, const struct schema *schema, const struct procedure *procedure, enum stub stub,
                    const char *end) {
        struct page line = { 0 };
        page_format(&line, "%s %s%s(struct leat_rpc_client *client, ", stubs[stub].type, procedure->c_name,
                    stubs[stub].ending);
        emit_values(&line, schema, procedure);
        page_format(&line, "struct leat_rpc_call *call)%s", end);
        emit_wrapped(page, &line, 0);
        page_free(&line);
}

void emit_stub(struct page *page, const struct schema *schema, const struct version *version,
               const struct procedure *procedure, unsigned index, enum stub stub) {
        emit_stub_head(page, schema, procedure, stub, " {");
        if (procedure->argument_type)
                emit_filling(page, schema, procedure);
        page_format(page, "        return %s(client, &%s_program, %u, ", stubs[stub].function, version->c_name, index);
        emit_argument(page, schema, procedure);
        page_format(page, ", %s, call);\n}\n", has_result(procedure) ? "ret_result" : "NULL");
}

static void emit_stubs(struct job *job, const struct interface *interface, const struct schema *schema,
                       const struct definition *program, const struct version *version, struct page *page) {
        (void)job, (void)interface, (void)program;
        unsigned index = 0;
        for (const struct procedure *procedure = version->procedures; procedure; procedure = procedure->next) {
                page_add(page, "\n");
                emit_stub(page, schema, version, procedure, index++, STUB_CALL);
        }
}

void emit_client(struct job *job, const struct interface *interface, const struct schema *schema, struct page *page) {
        emit_origin(page, interface);
        page_format(page, "#include \"%s.h\"\n#include <stddef.h>\n#include <string.h>\n", interface->base);
        emit_verbatim(job, page, interface, FOR_CLIENT);
        emit_programs(job, interface, schema, page);
        for_versions(job, interface, schema, page, emit_stubs);
}
