/* SPDX-License-Identifier: MIT */

/*
 * Fuzz: the interface compiler, from the text of a file to the texts that it would write. Whatever the text, it is refused
 * with at least one error or goes through all stages; each text that is written ends with a line end; and the same input
 * makes the same output twice. The first byte says which options are used.
 *
 * No file is opened: of those that the text includes or imports, "self.x" is the text itself, and what is called other.h or
 * other.x is the text below (fuzz/meson.build has the linker send source_read() and path_is_file() here).
 */

#include "require.h"
#include "tools/leatgen/plan.h"
#include "tools/leatgen/report.h"
#include "tools/leatgen/source.h"
#include "tools/leatgen/stages.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
bool __wrap_path_is_file(const char *path);
struct source *__wrap_source_read(struct job *job, const char *path, const struct place *place);

static const char other[] = "#define OTHER_MOST 16\n"
                            "#define OTHER_NEXT (OTHER_MOST * 2 - (1 << 2))\n"
                            "#define OTHER_CALL(x) (x)\n"
                            "const OTHER_FIRST = 3;\n"
                            "enum other_kind { OTHER_A, OTHER_B = 7 };\n"
                            "struct other { other_kind kind; opaque bytes<OTHER_FIRST>; other *next; };\n";
static const char *self; /* the text that is compiled now */
static size_t self_size;

static bool is_other(const char *path) {
        return strcmp(path_base(path), "other.h") == 0 || strcmp(path_base(path), "other.x") == 0;
}

bool __wrap_path_is_file(const char *path) {
        return is_other(path) || strcmp(path_base(path), "self.x") == 0;
}

struct source *__wrap_source_read(struct job *job, const char *path, const struct place *place) {
        if (is_other(path))
                return source_of_text(job, path, other, sizeof(other) - 1);
        if (strcmp(path_base(path), "self.x") == 0)
                return source_of_text(job, path, self, self_size);
        report_error(job, place, "cannot read `%s`", path);
        return NULL;
}

enum { OUTPUTS = 8 };

typedef void emitter(struct job *job, const struct interface *interface, const struct schema *schema,
                     struct page *page);

static emitter *const emitters[] = { emit_header, emit_xdr, emit_client, emit_server };

static void emit_all(struct job *job, const struct interface *interface, const struct schema *schema,
                     struct page *pages) {
        size_t count = sizeof(emitters) / sizeof(emitters[0]);
        for (size_t i = 0; i < count; i++)
                emitters[i](job, interface, schema, &pages[i]);
        emit_skeleton_client(job, interface, schema, &pages[count]);
        emit_skeleton_server(job, interface, schema, &pages[count + 1]);
        print_json(job, interface, &pages[count + 2]);
        lint_interface(job, interface);
        compare_interfaces(job, interface, interface, &pages[count + 3]);
}

/* Returns whether the text was accepted. */
static bool compile(const struct options *options, const char *bytes, size_t size, struct page *pages) {
        struct job job;
        job_begin(&job, options);
        struct interface *interface = read_interface_text(&job, "fuzz.x", bytes, size);
        const struct schema *schema = complete_interface(&job, interface);
        bool good = interface && report_errors(&job) == 0;
        REQUIRE(interface || report_errors(&job) > 0);
        if (good)
                emit_all(&job, interface, schema, pages);
        struct page messages = { 0 };
        report_show(&job, &messages);
        REQUIRE(good || messages.size > 0);
        page_free(&messages);
        job_end(&job);
        return good;
}

static void same(const struct page *first, const struct page *second) {
        REQUIRE(first->size == second->size);
        REQUIRE(first->size == 0 || memcmp(first->bytes, second->bytes, first->size) == 0);
        REQUIRE(first->size == 0 || first->bytes[first->size - 1] == '\n');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        if (size == 0)
                return 0;
        const char *nothing[] = { NULL };
        struct options options = {
                .search = nothing,
                .defines = nothing,
                .extended = data[0] & 1,
                .borrow = data[0] & 2,
                .small = data[0] & 4,
                .prefix = data[0] & 8 ? "fuzz" : NULL,
        };
        self = (const char *)data + 1;
        self_size = size - 1;
        struct page first[OUTPUTS] = { 0 }, second[OUTPUTS] = { 0 };
        bool good = compile(&options, self, self_size, first);
        REQUIRE(compile(&options, self, self_size, second) == good);
        for (size_t i = 0; i < OUTPUTS; i++) {
                same(&first[i], &second[i]);
                page_free(&first[i]);
                page_free(&second[i]);
        }
        return 0;
}
