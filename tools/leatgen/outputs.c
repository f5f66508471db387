/* SPDX-License-Identifier: MIT */
#include "tools/leatgen/outputs.h"

#include "tools/leatgen/stages.h"

size_t outputs_names(struct job *job, const struct interface *interface, const char *ret_names[OUTPUTS_MOST]) {
        static const char *const endings[OUTPUTS_MOST] = { ".h", "_xdr.c", "_client.c", "_server.c" };
        size_t count = interface_has_program(interface) ? 4 : 2;
        for (size_t i = 0; i < count; i++)
                ret_names[i] = job_format(job, "%s%s", interface->base, endings[i]);
        return count;
}

size_t outputs_make(struct job *job, const struct interface *interface, const struct schema *schema,
                    struct output_file ret_files[OUTPUTS_MOST]) {
        static void (*const emit[OUTPUTS_MOST])(struct job *, const struct interface *, const struct schema *,
                                                struct page *) = { emit_header, emit_xdr, emit_client, emit_server };
        const char *names[OUTPUTS_MOST];
        size_t count = outputs_names(job, interface, names);
        for (size_t i = 0; i < count; i++) {
                ret_files[i] = (struct output_file){ .folder = job->options->folder, .name = names[i] };
                emit[i](job, interface, schema, &ret_files[i].page);
        }
        return count;
}

const char *outputs_path(struct job *job, const char *folder, const char *name) {
        return folder ? job_format(job, "%s/%s", folder, name) : name;
}

/* As make reads names: a backslash before blanks and `#`, a dollar twice. */
static void add_name(struct page *page, const char *name) {
        for (; *name; name++) {
                if (*name == ' ' || *name == '\t' || *name == '#')
                        page_add(page, "\\");
                if (*name == '$')
                        page_add(page, "$");
                page_add_bytes(page, name, 1);
        }
}

void depfile_add(struct page *page, struct job *job, const char *const *outputs, size_t count) {
        for (size_t i = 0; i < count; i++) {
                page_add(page, i ? " " : "");
                add_name(page, outputs_path(job, job->options->folder, outputs[i]));
        }
        page_add(page, ":");
        for (size_t i = 0; i < job->file_count; i++) {
                page_add(page, " \\\n  ");
                add_name(page, job->files[i]);
        }
        page_add(page, "\n");
}

void depfile_add_included(struct page *page, const struct job *job) {
        for (size_t i = 1; i < job->file_count; i++) {
                add_name(page, job->files[i]);
                page_add(page, ":\n");
        }
}
