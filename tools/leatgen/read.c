/* SPDX-License-Identifier: MIT */
/* The first stage: a file, what it includes and what it imports, as an interface. */
#include "tools/leatgen/import.h"
#include "tools/leatgen/macro.h"
#include "tools/leatgen/parse.h"
#include "tools/leatgen/report.h"
#include "tools/leatgen/source.h"
#include "tools/leatgen/stages.h"
#include <string.h>

#define IMPORTS_MOST 1000u

/* One reading: which interfaces were imported already. */
struct reading {
        struct map paths, types;
        unsigned count;
};

static const char *base_of(struct job *job, const char *path) {
        const char *base = path_base(path);
        size_t size = strlen(base);
        return size > 2 && strcmp(base + size - 2, ".x") == 0 ? job_intern(job, base, size - 2)
                                                              : job_intern_text(job, base);
}

static void parse_source(struct job *job, struct interface *interface, const struct source *source,
                         struct reading *reading, bool imported);

/*
 * "dir.h" is also an interface if "dir.x" is beside this file, in a folder of -I or in the system's; NULL: it is not. Of "xdr/dir.h", which is
 * neither interface nor header under that name, a "dir.x" beside this file is meant: such names are those of a build's folders.
 */
static const char *find_interface(struct job *job, struct imports *imports, const struct source *source,
                                  const char *name) {
        size_t size = strlen(name);
        if (size < 3 || strcmp(name + size - 2, ".h") != 0)
                return NULL;
        const char *wanted = job_format(job, "%.*s.x", (int)(size - 2), name);
        const char *path = path_beside(job, source->path, wanted);
        if (path_is_file(path))
                return path;
        path = imports_search(job, imports, wanted);
        if (path || path_base(wanted) == wanted || imports_find(job, imports, source, name))
                return path;
        path = path_beside(job, source->path, path_base(wanted));
        return path_is_file(path) ? path : NULL;
}

static void import_interface(struct parser *parser, const struct token *token, const char *path) {
        struct reading *reading = parser->import_context;
        if (map_add(parser->job, &reading->paths, path, path))
                return;
        if (++reading->count > IMPORTS_MOST) {
                report_error(parser->job, &token->place, "more than %u interfaces are imported", IMPORTS_MOST);
                return;
        }
        struct source *source = source_read(parser->job, path, &token->place);
        if (!source)
                return;
        source->included = token->place;
        parse_source(parser->job, parser->interface, source, reading, true);
}

/* Another interface, or a C header with constants. */
static void import_header(struct parser *parser, const struct token *token, const char *name, bool quoted) {
        struct imports *imports = parser->interface->imports;
        const struct source *source = token->place.source;
        const char *path = find_interface(parser->job, imports, source, name);
        if (path)
                import_interface(parser, token, path);
        else
                imports_add(parser->job, imports, source, name, quoted);
}

/* `%#include "x.h"`, and `%#define`: a constant. */
static void import_verbatim(struct parser *parser, const struct token *token) {
        struct job *job = parser->job;
        struct imports *imports = parser->interface->imports;
        const char *text = token->text + strspn(token->text, LEX_BLANKS), *name = NULL;
        if (*text++ != '#')
                return;
        text += strspn(text, LEX_BLANKS);
        if (lex_take_word(&text, "define"))
                imports_define(job, imports, text);
        else if (lex_take_word(&text, "include") && macro_header_name(job, text, &name))
                import_header(parser, token, name, *text == '"');
}

static void parse_source(struct job *job, struct interface *interface, const struct source *source,
                         struct reading *reading, bool imported) {
        struct tokens tokens;
        preprocess(job, source, &tokens);
        struct parser parser = { .job = job, .interface = interface, .token = tokens.items, .imported = imported };
        parser.types = &reading->types;
        if (imported) {
                parser.home = JOB_NEW(job, struct interface);
                *parser.home = (struct interface){ .source = source, .base = base_of(job, source->path) };
        }
        parser.import = import_verbatim;
        parser.import_context = reading;
        if (!imported)
                interface->documentation = tokens.heading;
        parse_file(&parser);
        tokens_free(&tokens);
}

static struct interface *read_source(struct job *job, const struct source *source) {
        struct interface *interface = JOB_NEW(job, struct interface);
        struct reading reading = { 0 };
        *interface = (struct interface){ .source = source,
                                         .base = base_of(job, source->path),
                                         .last = &interface->definitions };
        interface->imports = imports_new(job);
        map_add(job, &reading.paths, source->path, source);
        parse_source(job, interface, source, &reading, false);
        return interface;
}

struct interface *read_interface(struct job *job, const char *path) {
        struct source *source = source_read(job, path, NULL);
        return source ? read_source(job, source) : NULL;
}

struct interface *read_interface_text(struct job *job, const char *name, const char *bytes, size_t size_bytes) {
        return read_source(job, source_of_text(job, name, bytes, size_bytes));
}
