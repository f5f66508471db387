/* SPDX-License-Identifier: MIT */
#include "tools/leatgen/import.h"

#include "tools/leatgen/expression.h"
#include "tools/leatgen/lex.h"
#include "tools/leatgen/source.h"
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define STEPS_MOST 10000u

struct imports *imports_new(struct job *job) {
        return JOB_NEW(job, struct imports);
}

/* ---- headers ---- */

/* "arm" of "armv7l", "i386" of "i686": as Debian calls its folders. */
static const char *machine_name(struct job *job) {
        struct utsname name;
        if (uname(&name) < 0)
                return "unknown";
        if (strncmp(name.machine, "arm", 3) == 0)
                return "arm";
        if (name.machine[0] == 'i' && strcmp(name.machine + 2, "86") == 0)
                return "i386";
        return job_intern_text(job, name.machine);
}

/* Debian's folder for this machine: the first that is there, as glibc's headers and musl's would say different things. */
static const char *machine_folder(struct job *job) {
        static const char *const endings[] = { "linux-gnu", "linux-gnueabihf", "linux-musl" };
        const char *machine = machine_name(job);
        for (size_t i = 0; i < sizeof(endings) / sizeof(*endings); i++) {
                const char *folder = job_format(job, "/usr/include/%s-%s", machine, endings[i]);
                if (access(folder, X_OK) == 0)
                        return folder;
        }
        return NULL;
}

/* The folders of the system's headers, NULL-terminated. */
static const char *const *system_folders(struct job *job, struct imports *imports) {
        if (imports->folders)
                return imports->folders;
        const char **folders = job_take(job, 5 * sizeof(*folders));
        const char *machine = machine_folder(job);
        size_t count = 0;
        folders[count++] = "/usr/local/include";
        if (machine)
                folders[count++] = machine;
        folders[count++] = "/usr/include";
        folders[count++] = "/usr/include/tirpc"; /* where pkg-config's flags for libtirpc lead */
        return imports->folders = folders;
}

const char *find_in_folders(struct job *job, const char *const *folders, const char *name) {
        for (; folders && *folders; folders++) {
                const char *path = job_format(job, "%s/%s", *folders, name);
                if (path_is_file(path))
                        return path;
        }
        return NULL;
}

const char *imports_search(struct job *job, struct imports *imports, const char *name) {
        const char *path = find_in_folders(job, job->options->search, name);
        return path ? path : find_in_folders(job, system_folders(job, imports), name);
}

static const char *find_header(struct job *job, struct imports *imports, const struct source *source, const char *name,
                               bool quoted) {
        if (quoted || name[0] == '/') {
                const char *path = path_beside(job, source->path, name);
                if (path_is_file(path))
                        return path;
        }
        return imports_search(job, imports, name);
}

bool imports_find(struct job *job, struct imports *imports, const struct source *source, const char *name) {
        return find_header(job, imports, source, name, true) != NULL;
}

bool imports_add(struct job *job, struct imports *imports, const struct source *source, const char *name, bool quoted) {
        const char *path = find_header(job, imports, source, name, quoted);
        if (!path) {
                if (!imports->missing)
                        imports->missing = name;
                return false;
        }
        if (imports->count == HEADERS_MOST || map_add(job, &imports->paths, path, path))
                return true;
        imports->queue = job_grow(job, imports->queue, imports->count, &imports->room, sizeof(*imports->queue));
        imports->queue[imports->count++] = path;
        return true;
}

static void read_headers(struct job *job, struct imports *imports) {
        while (imports->done < imports->count) {
                const char *missing = imports->missing; /* of the interface alone: the system's headers miss many */
                struct source *source = source_read_quietly(job, imports->queue[imports->done++]);
                if (source)
                        header_scan(job, imports, source);
                imports->missing = missing;
        }
}

/* ---- constants ---- */

void imports_add_constant(struct job *job, struct imports *imports, const char *name, const char *body) {
        struct constant *first = map_get(&imports->constants, name);
        for (struct constant *constant = first; constant; constant = constant->next)
                if (constant->body == body)
                        return;
        struct constant *constant = JOB_NEW(job, struct constant);
        *constant = (struct constant){ .body = body, .next = first };
        map_set(job, &imports->constants, name, constant);
}

void imports_define(struct job *job, struct imports *imports, const char *text) {
        size_t size = 0;
        while (lex_is_name(text[size]))
                size++;
        const char *body = text + size + strspn(text + size, LEX_BLANKS);
        const char *comment = strstr(body, "/*");
        size_t body_size = comment ? (size_t)(comment - body) : strlen(body);
        if (size && text[size] != '(' && body_size)
                imports_add_constant(job, imports, job_intern(job, text, size), job_intern(job, body, body_size));
}

struct asked {
        struct job *job;
        struct imports *imports;
        unsigned depth;
};

static bool name_value(void *context, const char *name, size_t size, __int128 *ret_value, bool *ret_is_open);

/* All definitions of a name that are integers have to be the same one. */
static bool value_of(struct asked *asked, struct constant *constant, __int128 *ret_value, bool *ret_is_open) {
        bool any = false;
        *ret_is_open = false;
        for (; constant; constant = constant->next) {
                struct expression expression = { .at = constant->body, .name = name_value, .context = asked };
                __int128 value = 0;
                expression.end = constant->body + strlen(constant->body);
                if (constant->busy || asked->depth == EXPRESSION_DEPTH_MOST || ++asked->imports->steps > STEPS_MOST)
                        continue;
                constant->busy = true;
                asked->depth++;
                bool has_value = expression_value(&expression, &value);
                asked->depth--;
                constant->busy = false;
                if (has_value && any && value != *ret_value)
                        return false;
                if (has_value)
                        *ret_value = value;
                *ret_is_open |= has_value && expression.is_open;
                any = any || has_value;
        }
        return any;
}

static bool name_value(void *context, const char *name, size_t size, __int128 *ret_value, bool *ret_is_open) {
        struct asked *asked = context;
        struct constant *constant = map_get(&asked->imports->constants, job_intern(asked->job, name, size));
        return value_of(asked, constant, ret_value, ret_is_open);
}

bool constant_lookup(struct job *job, const struct interface *interface, const char *name, __int128 *ret_value) {
        struct imports *imports = interface->imports;
        struct asked asked = { job, imports, 0 };
        bool is_open;
        if (!imports)
                return false;
        read_headers(job, imports);
        imports->steps = 0;
        return value_of(&asked, map_get(&imports->constants, name), ret_value, &is_open);
}

const char *import_missing(const struct interface *interface) {
        return interface->imports ? interface->imports->missing : NULL;
}
