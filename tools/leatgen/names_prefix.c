/* SPDX-License-Identifier: MIT */
#include "tools/leatgen/names.h"

#include "tools/leatgen/report.h"
#include "tools/leatgen/source.h"
#include <string.h>

/* ---- texts: ASCII only, whatever the locale ---- */

static char lower(char c) {
        return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static char upper(char c) {
        return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static bool is_digit(char c) {
        return c >= '0' && c <= '9';
}

static bool is_letter(char c) {
        return lower(c) >= 'a' && lower(c) <= 'z';
}

static char in_identifier(char c) {
        return is_digit(c) || is_letter(c) ? c : '_';
}

static const char *changed(struct job *job, const char *text, char (*change)(char)) {
        size_t size = strlen(text);
        char *made = job_take(job, size + 1);
        for (size_t i = 0; i < size; i++)
                made[i] = change(text[i]);
        return job_intern(job, made, size);
}

const char *text_lower(struct job *job, const char *text) {
        return changed(job, text, lower);
}

const char *text_upper(struct job *job, const char *text) {
        return changed(job, text, upper);
}

const char *text_join(struct job *job, const char *one, const char *between, const char *other) {
        char made[256], *at = made;
        size_t sizes[3] = { strlen(one), strlen(between), strlen(other) };
        if (sizes[0] + sizes[1] + sizes[2] > sizeof(made))
                return job_format(job, "%s%s%s", one, between, other);
        at = mempcpy(at, one, sizes[0]);
        at = mempcpy(at, between, sizes[1]);
        at = mempcpy(at, other, sizes[2]);
        return job_intern(job, made, (size_t)(at - made));
}

/* ---- prefixes ---- */

/* What functions, types and macros of libc, libtirpc, libnsl and libcrypt begin with; a list that may be too long does no harm. */
static const char *const families[] = {
        "auth",   "authdes", "authnone", "authunix", "aio",     "atomic", "bool",    "clnt",    "clock",  "crypt",
        "dl",     "epoll",   "ether",    "fd",       "gai",     "getrpc", "host",    "if",      "in",     "inet",
        "int",    "io",      "key",      "mem",      "mq",      "msg",    "net",     "netname", "nis",    "ns",
        "opaque", "pmap",    "posix",    "proc",     "pthread", "rpc",    "rpc_gss", "rpcb",    "sa",     "sched",
        "sem",    "shm",     "sig",      "sock",     "st",      "str",    "svc",     "svcerr",  "svcudp", "sys",
        "timer",  "tm",      "u",        "unix",     "wc",      "xdr",    "xprt",    "yp"
};

/* Of the library: what it calls itself. */
static const char *const own[] = { "leat", "leat_rpc", "leat_xdr" };

static bool is_among(const char *const *texts, size_t count, const char *text) {
        for (size_t i = 0; i < count; i++)
                if (strcmp(texts[i], text) == 0)
                        return true;
        return false;
}

#define IS_AMONG(texts, text) is_among((texts), sizeof(texts) / sizeof((texts)[0]), (text))

static const char *identifier_of(struct job *job, const char *text) {
        const char *made = changed(job, text + strspn(text, "_"), in_identifier);
        size_t size = strlen(made);
        while (size && made[size - 1] == '_')
                size--;
        made += strspn(made, "_");
        if (!size || !*made)
                return job_intern_text(job, "interface");
        made = job_intern(job, made, strlen(made) < size ? strlen(made) : size);
        return is_digit(*made) ? job_format(job, "x%s", made) : made; /* 9p.x */
}

static struct prefix prefix_from(struct job *job, const char *text) {
        const char *name = identifier_of(job, text);
        return (struct prefix){ name, text_upper(job, name), IS_AMONG(families, name) };
}

/* "NFS_PROGRAM": "nfs". */
static const char *base_of_program(struct job *job, const char *name) {
        static const char *const ends[] = { "_program", "program", "_prog", "prog" };
        const char *text = text_lower(job, name);
        size_t size = strlen(text);
        for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
                size_t end = strlen(ends[i]);
                if (size > end && strcmp(text + size - end, ends[i]) == 0)
                        return job_intern(job, text, size - end);
        }
        return text;
}

static void check_prefix(struct job *job, const struct interface *interface, struct prefix prefix) {
        struct place place = { .source = interface->source, .line = 1, .column = 1 };
        const char *given = job->options ? job->options->prefix : NULL;
        if (given && (!is_letter(*given) || strcmp(changed(job, given, in_identifier), given) != 0))
                report_error(job, &place,
                             "the prefix `%s` is no name of C: begin it with a letter, and go on with letters, digits "
                             "and `_`",
                             given);
        else if (IS_AMONG(own, prefix.lower))
                report_error(job, &place, "the prefix `%s` is the library's own: give another one with --prefix",
                             prefix.lower);
}

/* Of this imported interface; NULL: of the file's own. */
static const struct definition *first_program(const struct interface *interface, const struct interface *home) {
        for (const struct definition *each = interface->definitions; each; each = each->next)
                if (each->kind == DEFINITION_PROGRAM && each->home == home)
                        return each;
        return NULL;
}

static struct prefix usual_prefix(struct job *job, const struct definition *program, const char *namespace_name,
                                  const char *base) {
        if (namespace_name)
                return prefix_from(job, namespace_name);
        if (program)
                return prefix_from(job, base_of_program(job, program->name));
        return prefix_from(job, text_lower(job, base));
}

struct prefix prefix_of_interface(struct job *job, const struct interface *interface) {
        const char *given = job->options ? job->options->prefix : NULL;
        struct prefix prefix =
                given ? prefix_from(job, given)
                      : usual_prefix(job, first_program(interface, NULL), interface->namespace_name, interface->base);
        check_prefix(job, interface, prefix);
        return prefix;
}

static bool begins_with(const char *text, const char *prefix) {
        size_t size = strlen(prefix);
        return strncmp(text, prefix, size) == 0 && text[size] == '_' && text[size + 1];
}

/* "time_t" in time.x and "PATH_MAX" in path.x begin with the prefix, but are C's. */
static bool is_of_c(const char *text, const char *prefix) {
        static const char *const macros[] = {
                "ARG_MAX",  "CHAR_BIT", "CHAR_MAX", "CHAR_MIN", "EXIT_FAILURE", "EXIT_SUCCESS", "LINK_MAX", "LONG_MAX",
                "LONG_MIN", "NAME_MAX", "OPEN_MAX", "PATH_MAX", "PIPE_BUF",     "SIZE_MAX",     "UINT_MAX",
        };
        return strcmp(text + strlen(prefix), "_t") == 0 || IS_AMONG(macros, text);
}

static const char *prefixed(struct job *job, bool doubled, const char *prefix, const char *name) {
        if (!doubled && begins_with(name, prefix) && !is_of_c(name, prefix))
                return name;
        return text_join(job, prefix, "_", name);
}

/* "dir" of dir.x, "dir_types" of types.x and dir_types.x. */
const char *table_of_interface(struct job *job, const struct interface *interface, struct prefix prefix) {
        const char *base = identifier_of(job, text_lower(job, interface->base));
        if (base == prefix.lower)
                return base;
        return begins_with(base, prefix.lower) ? base : job_format(job, "%s_%s", prefix.lower, base);
}

/* --prefix is for all files of the command line, also where one imports another. */
struct prefix prefix_of_imported(struct job *job, const struct interface *interface, const struct interface *home) {
        if (job->options && job->options->prefix && home->source &&
            path_is_among(home->source->path, job->options->inputs))
                return prefix_from(job, job->options->prefix);
        return usual_prefix(job, first_program(interface, home), home->namespace_name, home->base);
}

const char *prefix_type(struct job *job, struct prefix prefix, const char *name) {
        return prefixed(job, prefix.doubled, prefix.lower, name);
}

const char *prefix_constant(struct job *job, struct prefix prefix, const char *name) {
        return prefixed(job, prefix.doubled, prefix.upper, name);
}

struct prefix prefix_of_program(struct job *job, struct prefix of_file, const struct definition *program, bool first) {
        if (first)
                return of_file;
        const char *name = prefix_type(job, of_file, base_of_program(job, program->name));
        return (struct prefix){ name, text_upper(job, name), false };
}
