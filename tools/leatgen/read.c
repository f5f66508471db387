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

static const char *file_in(struct job *job, const char *const *folders, const char *name) {
        for (; folders && *folders; folders++) {
                const char *path = job_format(job, "%s/%s", *folders, name);
                if (path_is_file(path))
                        return path;
        }
        return NULL;
}

/*
 * "dir.h" is also an interface if "dir.x" is beside this file, in a folder of -I or in the system's; NULL: it is not. Of "xdr/dir.h", which is
 * neither interface nor header under that name, a "dir.x" beside this file is meant: such names are those of a build's folders.
 */
static const char *find_interface(struct job *job, const struct source *source, const char *name) {
        size_t size = strlen(name);
        if (size < 3 || strcmp(name + size - 2, ".h") != 0)
                return NULL;
        const char *wanted = job_format(job, "%.*s.x", (int)(size - 2), name);
        const char *path = path_beside(job, source->path, wanted);
        if (path_is_file(path))
                return path;
        path = file_in(job, job->options->search, wanted);
        if (!path)
                path = file_in(job, system_folders(job), wanted);
        if (path || path_base(wanted) == wanted || import_finds(job, source, name))
                return path;
        path = path_beside(job, source->path, path_base(wanted));
        return path_is_file(path) ? path : NULL;
}

static void import_interface(struct parser *parser, const struct token *token, const char *path) {
        struct reading *reading = parser->import_context;
        if (map_has(&reading->paths, path))
                return;
        map_set(parser->job, &reading->paths, path, NULL);
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

static const char *take_word(const char *text, const char *word) {
        size_t size = strlen(word);
        return strncmp(text, word, size) == 0 ? text + size + strspn(text + size, " \t") : NULL;
}

/* `%#include "x.h"`: another interface, or a C header with constants. `%#define`: a constant. */
static void import_verbatim(struct parser *parser, const struct token *token) {
        struct job *job = parser->job;
        struct imports *imports = parser->interface->imports;
        const char *text = take_word(token->text + strspn(token->text, " \t"), "#");
        const char *name = NULL, *included = text ? take_word(text, "include") : NULL;
        if (text && take_word(text, "define"))
                imports_define(job, imports, take_word(text, "define"));
        if (!included || !macro_header_name(job, included, &name))
                return;
        const char *path = find_interface(job, token->place.source, name);
        if (path)
                import_interface(parser, token, path);
        else
                imports_add(job, imports, token->place.source, name, *included == '"');
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
        map_set(job, &reading.paths, source->path, NULL);
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
