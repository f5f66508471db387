/* SPDX-License-Identifier: MIT */
#include "tools/leatgen/emit.h"
#include "tools/leatgen/stages.h"

/* The parameter of a function out of the address of a value of its type. Arrays and structures are that address. */
static void emit_argument(struct page *page, const struct schema *schema, const struct procedure *procedure) {
        const struct declaration *argument = procedure->arguments;
        if (!argument)
                return;
        enum passing passing = passing_of(schema, argument);
        if (passing == PASS_VALUE)
                page_format(page, "*(const %s *)", c_type_of(&argument->type));
        else if (passing == PASS_POINTER)
                page_format(page, "*(%s *const *)", pointed_to(schema, argument));
        page_add(page, "argument, ");
}

/* Several lie in a structure. */
static void emit_arguments(struct page *page, const struct schema *schema, const struct procedure *procedure) {
        for (const struct declaration *argument = procedure->arguments; argument; argument = argument->next)
                page_format(page, "%sgiven->%s, ", passing_of(schema, argument) == PASS_ADDRESS ? "&" : "",
                            argument->c_name);
}

static void emit_case(struct job *job, const struct interface *interface, const struct schema *schema,
                      const struct procedure *procedure, unsigned index, struct page *page) {
        const char *member = procedure_member(job, interface, procedure);
        struct page line = { 0 };
        page_format(page, "        case %u:%s\n", index, procedure->argument_type ? " {" : "");
        page_format(page, "                if (!own->%s)\n                        return -ENOSYS;\n", member);
        page_format(&line, "return own->%s(", member);
        if (procedure->argument_type) {
                page_format(page, "                const %s *given = argument;\n", procedure->argument_type->c_type);
                emit_arguments(&line, schema, procedure);
        } else {
                emit_argument(&line, schema, procedure);
        }
        page_format(&line, "%srequest, userdata);", has_result(procedure) ? "result, " : "");
        emit_wrapped(page, &line, 16);
        page_add(page, procedure->argument_type ? "        }\n" : "");
        page_free(&line);
}

static void emit_dispatch(struct job *job, const struct interface *interface, const struct schema *schema,
                          const struct version *version, struct page *page) {
        bool arguments = false, results = false;
        for (const struct procedure *procedure = version->procedures; procedure; procedure = procedure->next) {
                arguments |= procedure->arguments != NULL;
                results |= has_result(procedure);
        }
        page_format(
                page,
                "\nstatic int %s_dispatch(uint32_t index, const void *functions, const void *argument, void *result,\n"
                "                struct leat_rpc_request *request, void *userdata) {\n",
                version->c_name);
        if (!arguments)
                page_add(page, "        (void)argument;\n");
        if (!results)
                page_add(page, "        (void)result;\n");
        if (version->procedures)
                page_format(page, "        const struct %s_functions *own = (const struct %s_functions *)functions;\n",
                            version->c_name, version->c_name);
        else
                page_add(page, "        (void)functions;\n        (void)request;\n        (void)userdata;\n");
        page_add(page, "        switch (index) {\n");
        unsigned index = 0;
        for (const struct procedure *procedure = version->procedures; procedure; procedure = procedure->next)
                emit_case(job, interface, schema, procedure, index++, page);
        page_add(page, "        default:\n                return -ENOSYS;\n        }\n}\n");
}

static void emit_service(struct job *job, const struct interface *interface, const struct schema *schema,
                         const struct definition *program, const struct version *version, struct page *page) {
        (void)program;
        const char *name = version->c_name;
        emit_dispatch(job, interface, schema, version, page);
        page_format(page,
                    "\nstruct leat_rpc_service %s_server(const struct %s_functions *functions, void *userdata) {\n"
                    "        struct leat_rpc_service service = { &%s_program, %s_dispatch, functions, userdata };\n"
                    "        return service;\n"
                    "}\n",
                    name, name, name, name);
}

void emit_server(struct job *job, const struct interface *interface, const struct schema *schema, struct page *page) {
        emit_origin(page, interface);
        page_format(page, "#include \"%s.h\"\n#include <errno.h>\n", interface->base);
        emit_verbatim(job, page, interface, FOR_SERVER);
        emit_programs(job, interface, schema, page);
        for_versions(job, interface, schema, page, emit_service);
}
