/* SPDX-License-Identifier: MIT */
#include "tools/leatgen/macro.h"

#include "tools/leatgen/expression.h"
#include "tools/leatgen/lex.h"
#include "tools/leatgen/report.h"
#include <string.h>

#define STEPS_MOST 10000u
#define MACRO_DEPTH 64u

static size_t name_size(const char *text) {
        size_t size = 0;
        if (lex_is_name_begin(text[0]))
                while (lex_is_name(text[size]))
                        size++;
        return size;
}

static void define(struct job *job, struct macros *macros, struct macro macro) {
        struct macro *kept = JOB_NEW(job, struct macro);
        *kept = macro;
        map_set(job, &macros->map, macro.name, kept);
}

void macro_define(struct job *job, struct macros *macros, const struct place *place, const char *text) {
        size_t size = name_size(text);
        if (!size) {
                report_error(job, place, "#define needs a name");
                return;
        }
        const char *name = job_intern(job, text, size);
        bool parameters = text[size] == '(';
        const char *body = text + size;
        body += strspn(body, LEX_BLANKS);
        define(job, macros, (struct macro){ name, job_intern_text(job, body), *place, parameters, false });
}

void macro_define_option(struct job *job, struct macros *macros, const char *text) {
        size_t size = name_size(text);
        const char *body = text[size] == '=' ? text + size + 1 : "1";
        define(job, macros,
               (struct macro){ job_intern(job, text, size), job_intern_text(job, body), { 0 }, false, false });
}

void macro_undefine(struct job *job, struct macros *macros, const char *text) {
        struct macro *macro = macro_find(macros, job_intern(job, text, name_size(text)));
        if (macro)
                macro->body = NULL;
}

struct macro *macro_find(const struct macros *macros, const char *name) {
        struct macro *macro = map_get(&macros->map, name);
        return macro && macro->body ? macro : NULL;
}

/* ---- values ---- */

/* The outputs whose symbol the name is; 0: none, or RPC_TBL, for which we write nothing. */
static uint8_t output_of(const char *name, size_t size) {
        static const struct {
                const char *name;
                uint8_t output;
        } symbols[] = {
                { "RPC_HDR", FOR_HEADER }, { "RPC_XDR", FOR_XDR }, { "RPC_CLNT", FOR_CLIENT }, { "RPC_SVC", FOR_SERVER }
        };
        for (size_t i = 0; i < sizeof(symbols) / sizeof(*symbols); i++)
                if (strlen(symbols[i].name) == size && memcmp(symbols[i].name, name, size) == 0)
                        return symbols[i].output;
        return 0;
}

/* What expressions ask us with. */
struct context {
        struct job *job;
        struct macros *macros;
        bool undefined_is_zero; /* as in #if; else such names have no value */
        unsigned depth;
};

static struct macro *find_text(const struct context *context, const char *name, size_t size) {
        return macro_find(context->macros, job_intern(context->job, name, size));
}

static bool value_of_name(void *context, const char *name, size_t size, __int128 *ret_value, bool *ret_is_open);
static bool name_is_defined(void *context, const char *name, size_t size);

static bool value_of_macro(struct context *context, struct macro *macro, __int128 *ret_value, bool *ret_is_open) {
        struct expression expression = { .at = macro->body,
                                         .end = macro->body + strlen(macro->body),
                                         .name = value_of_name };
        expression.context = context;
        if (macro->busy || macro->parameters || context->depth > MACRO_DEPTH || ++context->macros->steps > STEPS_MOST)
                return false;
        macro->busy = true;
        context->depth++;
        bool has_value = expression_value(&expression, ret_value);
        context->depth--;
        macro->busy = false;
        *ret_is_open = expression.is_open;
        return has_value;
}

static bool value_of_name(void *context, const char *name, size_t size, __int128 *ret_value, bool *ret_is_open) {
        struct context *asked = context;
        uint8_t output = output_of(name, size);
        struct macro *macro = find_text(asked, name, size);
        if (macro)
                return value_of_macro(asked, macro, ret_value, ret_is_open);
        *ret_value = output && output == asked->macros->output;
        return asked->undefined_is_zero;
}

static bool name_is_defined(void *context, const char *name, size_t size) {
        struct context *asked = context;
        uint8_t output = output_of(name, size);
        return find_text(asked, name, size) || (output && output == asked->macros->output);
}

bool macro_value(struct job *job, struct macros *macros, struct macro *macro, __int128 *ret_value) {
        struct context context = { job, macros, false, 0 };
        bool is_open;
        macros->steps = 0;
        return value_of_macro(&context, macro, ret_value, &is_open);
}

/* ---- conditions ---- */

uint8_t macro_defined_for(struct job *job, const struct macros *macros, const struct place *place, const char *text,
                          bool matters) {
        size_t size = name_size(text);
        if (!size && matters)
                report_error(job, place, "a name is missing behind this");
        if (size && macro_find(macros, job_intern(job, text, size)))
                return FOR_ALL;
        return output_of(text, size);
}

uint8_t macro_condition(struct job *job, struct macros *macros, const struct place *place, const char *text,
                        bool matters) {
        uint8_t outputs = 0;
        for (uint8_t output = FOR_HEADER; matters && output <= FOR_SERVER; output = (uint8_t)(output << 1)) {
                struct context context = { job, macros, true, 0 };
                struct expression expression = { .at = text, .end = text + strlen(text), .name = value_of_name };
                __int128 value = 0;
                expression.is_defined = name_is_defined;
                expression.context = &context;
                macros->output = output;
                macros->steps = 0;
                if (!expression_value(&expression, &value)) {
                        report_error(job, place, "this condition is not an integer expression that is understood here");
                        break;
                }
                outputs |= value ? output : 0;
        }
        macros->output = 0;
        return outputs;
}

bool macro_header_name(struct job *job, const char *text, const char **ret_name) {
        const char *end = *text == '"' ? strchr(text + 1, '"') : *text == '<' ? strchr(text + 1, '>') : NULL;
        if (!end || end == text + 1)
                return false;
        *ret_name = job_intern(job, text + 1, (size_t)(end - text - 1));
        return true;
}
