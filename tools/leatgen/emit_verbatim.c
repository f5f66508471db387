/* SPDX-License-Identifier: MIT */
#include "tools/leatgen/emit_verbatim.h"

#include "tools/leatgen/map.h"
#include "tools/leatgen/report.h"
#include "tools/leatgen/source.h"
#include <ctype.h>
#include <string.h>

/*
 * The % lines of an interface go out as they are, but many old interfaces have some that only rpcgen's output can be compiled
 * with: they use libtirpc's types, or the interface's own ones by the names that rpcgen gave them. Such a declaration is left out,
 * whole, with a warning, and so is what is declared by it.
 *
 * A declaration is what stands between % lines that are directives, up to a semicolon or brace outside of braces.
 */

/* What belongs to rpcgen's C: types and macros of libtirpc, the BSDs' short names of numbers. */
static const char *const foreign[] = {
        "AUTH",      "CLIENT",  "SVCXPRT",  "XDR",       "__FBSDID",    "__RCSID",   "bool_t",
        "caddr_t",   "enum_t",  "netbuf",   "netconfig", "opaque_auth", "rpcproc_t", "rpcprog_t",
        "rpcvers_t", "svc_req", "u_char",   "u_int",     "u_int16_t",   "u_int32_t", "u_int64_t",
        "u_int8_t",  "u_long",  "u_quad_t", "u_short",   "xdrproc_t",   "netobj",    "quad_t",
};

struct judge {
        struct job *job;
        struct map names;         /* that the outputs do not know: of the file's types, and of what was left out */
        struct definition *begin; /* of the declaration at hand; NULL: there is none */
        unsigned depth;           /* of braces and parentheses in it */
        bool comment, is_foreign, is_typedef, is_complete, continued;
        const char *last; /* the last name in it */
        const char *tag;  /* the first name behind struct, union or enum */
};

static bool is_letter(char letter) {
        return isalnum((unsigned char)letter) || letter == '_';
}

/* ---- words of a declaration ---- */

static bool is_word(const char *word, size_t size, const char *text) {
        return strlen(text) == size && memcmp(word, text, size) == 0;
}

static bool is_foreign_word(const char *word, size_t size) {
        for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
                if (is_word(word, size, foreign[i]))
                        return true;
        static const char *const families[] = { "xdr_", "clnt_", "clnttcp_", "clntudp_", "svc_", "svctcp_", "svcudp_" };
        for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
                if (size > strlen(families[i]) && memcmp(word, families[i], strlen(families[i])) == 0)
                        return true;
        return false;
}

static bool is_tag(const char *word, size_t size) {
        return is_word(word, size, "struct") || is_word(word, size, "union") || is_word(word, size, "enum");
}

/* Whether it stands where a type does: before a name or a star. */
static bool stands_for_type(const char *behind) {
        behind = verbatim_blanks(behind);
        return is_letter(*behind) || *behind == '*';
}

static void judge_word(struct judge *judge, const char *word, size_t size, bool behind_tag) {
        const char *text = job_intern(judge->job, word, size);
        if (is_word(word, size, "typedef"))
                judge->is_typedef = true;
        if (is_foreign_word(word, size) ||
            (map_has(&judge->names, text) && (behind_tag || stands_for_type(word + size))))
                judge->is_foreign = true;
        if (behind_tag && !judge->tag && judge->depth == 0)
                judge->tag = text;
        if (judge->depth == 0)
                judge->last = text;
}

static const char *skip_text(const char *at) {
        char quote = *at++;
        while (*at && *at != quote)
                at += *at == '\\' && at[1] ? 2 : 1;
        return *at ? at + 1 : at;
}

static const char *skip_comment(struct judge *judge, const char *at) {
        const char *end = strstr(at, "*/");
        judge->comment = !end;
        return end ? end + 2 : at + strlen(at);
}

static const char *judge_mark(struct judge *judge, const char *at) {
        if (*at == '{' || *at == '(')
                judge->depth++;
        else if ((*at == '}' || *at == ')') && judge->depth > 0)
                judge->depth--;
        judge->is_complete = judge->depth == 0 && (*at == ';' || *at == '}');
        return at + 1;
}

static void judge_text(struct judge *judge, const char *at) {
        bool behind_tag = false;
        while (*at) {
                if (judge->comment || (at[0] == '/' && at[1] == '*')) {
                        at = skip_comment(judge, judge->comment ? at : at + 2);
                } else if (at[0] == '/' && at[1] == '/') {
                        return;
                } else if (*at == '"' || *at == '\'') {
                        at = skip_text(at);
                } else if (is_letter(*at)) {
                        size_t size = 1;
                        while (is_letter(at[size]))
                                size++;
                        judge->is_complete = false;
                        judge_word(judge, at, size, behind_tag);
                        behind_tag = is_tag(at, size);
                        at += size;
                } else if (isspace((unsigned char)*at)) {
                        at++;
                } else {
                        at = judge_mark(judge, at);
                        behind_tag = false;
                }
        }
}

/* ---- lines ---- */

static void leave_out(struct definition *begin, const struct definition *end) {
        for (; begin != end; begin = begin->next)
                begin->seen = true;
}

/* What is declared by something that is left out is not there for those behind it. */
static void end_declaration(struct judge *judge, struct definition *behind) {
        if (judge->begin && judge->is_foreign) {
                leave_out(judge->begin, behind);
                if (judge->is_typedef && judge->last)
                        map_set(judge->job, &judge->names, judge->last, judge->begin);
                if (judge->tag)
                        map_set(judge->job, &judge->names, judge->tag, judge->begin);
        }
        judge->begin = NULL;
        judge->depth = 0;
        judge->is_foreign = judge->is_typedef = judge->is_complete = false;
        judge->last = judge->tag = NULL;
}

/* gcc warns of those that it does not know, clang of others. */
static bool is_foreign_pragma(const char *text) {
        static const char *const known[] = { "GCC", "clang", "once", "pack", "pop_macro", "push_macro", "weak" };
        size_t size = strcspn(text, " \t\r(");
        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
                if (is_word(text, size, known[i]))
                        return false;
        return true;
}

/* Headers that declare rpcgen's types, or that rpcgen made, and pragmas that only one compiler knew. */
static bool is_foreign_directive(const char *text) {
        const char *pragma = verbatim_directive(text, "pragma");
        if (pragma)
                return is_foreign_pragma(pragma);
        if (verbatim_directive(text, "ident"))
                return true;
        text = verbatim_directive(text, "include");
        if (!text)
                return false;
        static const char *const folders[] = { "rpc/", "rpcsvc/", "nfs/", "gssrpc/", "tirpc/" };
        size_t size = strcspn(text + (*text != '\0'), ">\"") + (*text != '\0');
        static const char *const endings[] = { "_clnt.h", "_svc.h" };
        for (size_t i = 0; *text == '"' && i < sizeof(endings) / sizeof(endings[0]); i++)
                if (size > strlen(endings[i]) &&
                    memcmp(text + size - strlen(endings[i]), endings[i], strlen(endings[i])) == 0)
                        return true;
        for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
                if ((*text == '<' || *text == '"') && strncmp(text + 1, folders[i], strlen(folders[i])) == 0)
                        return true;
        return false;
}

/*
 * <rpcsvc/nis.h> is what rpcgen made from nis.x. If that was imported, its types come from what leatgen makes of it: "nis.h". Returns that
 * name without ".h", or NULL.
 */
static const char *own_header(struct job *job, const struct interface *interface, const char *text) {
        const char *begin = strpbrk(text, "<\""), *end = begin ? strpbrk(begin + 1, ">\"") : NULL;
        if (!end || end - begin < 3 || strncmp(end - 2, ".h", 2) != 0)
                return NULL;
        for (const char *at = begin; at < end; at++)
                if (*at == '/')
                        begin = at;
        const char *base = job_intern(job, begin + 1, (size_t)(end - 2 - begin - 1));
        const char *file = job_format(job, "%s.x", base);
        for (const struct definition *each = interface->definitions; each; each = each->next)
                if (each->imported && each->place.source && strcmp(path_base(each->place.source->path), file) == 0)
                        return base;
        return NULL;
}

bool verbatim_is_brace(const char *text) {
        text = verbatim_blanks(text);
        if (strncmp(text, "extern", 6) == 0) {
                text = verbatim_blanks(text + 6);
                if (strncmp(text, "\"C\"", 3) != 0)
                        return false;
                text = verbatim_blanks(text + 3);
                return *text == '{' && !*verbatim_blanks(text + 1);
        }
        return *text == '}' && !*verbatim_blanks(text + 1);
}

static bool goes_on(const char *text) {
        size_t size = strlen(text);
        return size > 0 && text[size - 1] == '\\';
}

static void judge_line(struct judge *judge, struct definition *line) {
        const char *text = line->text;
        if (judge->continued || (!judge->comment && !judge->depth && *verbatim_blanks(text) == '#')) {
                if (!judge->continued && is_foreign_directive(text))
                        line->seen = true;
                judge->continued = goes_on(text);
                return;
        }
        if (!judge->begin && !judge->comment && verbatim_is_brace(text))
                return;
        bool was_comment = judge->comment && !judge->begin;
        if (!judge->begin)
                judge->begin = line;
        judge_text(judge, text);
        if (judge->is_complete || (!judge->last && !judge->depth && (was_comment || !judge->comment)))
                end_declaration(judge, line->next);
}

static void know_types(struct judge *judge, const struct interface *interface) {
        for (struct definition *type = interface->definitions; type; type = type->next)
                if (definition_is_type(type) && type->name && type->c_name && strcmp(type->name, type->c_name) != 0)
                        map_set(judge->job, &judge->names, job_intern_text(judge->job, type->name), type);
}

bool verbatim_is_for(const struct definition *line, uint32_t output) {
        if (line->kind != DEFINITION_VERBATIM || line->imported || !(line->outputs & output))
                return false;
        return output == FOR_HEADER || !(line->outputs & FOR_HEADER);
}

void verbatim_begin(struct job *job, const struct interface *interface, uint32_t output) {
        struct judge judge = { .job = job };
        know_types(&judge, interface);
        for (struct definition *line = interface->definitions; line; line = line->next) {
                line->seen = line->done = false;
                if (verbatim_is_for(line, output))
                        judge_line(&judge, line);
                else if (line->kind != DEFINITION_VERBATIM)
                        end_declaration(&judge, line);
        }
        end_declaration(&judge, NULL);
        verbatim_conditions(job, interface, output);
}

void verbatim_end(const struct interface *interface) {
        for (struct definition *line = interface->definitions; line; line = line->next)
                line->seen = line->done = false;
}

/* Headers that every compiler brings. */
static bool is_standard(const char *name, size_t size) {
        static const char *const headers[] = { "<assert.h>", "<ctype.h>",   "<errno.h>",  "<limits.h>",
                                               "<stdarg.h>", "<stdbool.h>", "<stddef.h>", "<stdint.h>",
                                               "<stdio.h>",  "<stdlib.h>",  "<string.h>", "<time.h>" };
        for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
                if (is_word(name, size, headers[i]))
                        return true;
        return false;
}

/*
 * What is included is for the other % lines: the generated code needs none of it, so a header that is not there is no failure. But an imported
 * interface's header has types of this one, and is in the folder of the outputs.
 */
static bool emit_include(struct job *job, const struct interface *interface, struct page *page,
                         struct definition *line) {
        const char *text = verbatim_directive(line->text, "include");
        if (!text)
                return false;
        const char *own = own_header(job, interface, text);
        const char *end = *text == '<' ? strchr(text, '>') : *text == '"' ? strchr(text + 1, '"') : NULL;
        bool plain = end && is_standard(text, (size_t)(end + 1 - text));
        if (own)
                page_format(page, "#include \"%s.h\"\n", own);
        else if (end && !line->seen && !plain)
                page_format(page, "#if __has_include(%.*s)\n%s\n#endif\n", (int)(end + 1 - text), text, line->text);
        if (own && line->seen)
                report_warning(job, &line->place,
                               "that header is rpcgen's: `%s.h` is included instead, which leatgen makes from `%s.x`",
                               own, own);
        return own || (end && !line->seen && !plain);
}

void verbatim_line(struct job *job, const struct interface *interface, struct page *page, struct definition *line,
                   bool first) {
        if (line->done || emit_include(job, interface, page, line))
                return;
        if (!line->seen)
                page_format(page, "%s\n", line->text);
        else if (first && *verbatim_blanks(line->text) != '#')
                report_warning(job, &line->place,
                               "these %% lines can only be compiled with what rpcgen writes: they are left out");
        else if (first)
                report_warning(job, &line->place, "this %% line is for rpcgen and its library: it is left out");
}

void emit_verbatim(struct job *job, struct page *page, const struct interface *interface, uint32_t output) {
        bool before = false;
        verbatim_begin(job, interface, output);
        for (struct definition *line = interface->definitions; line; line = line->next) {
                if (verbatim_is_for(line, output))
                        verbatim_line(job, interface, page, line, !before);
                before = verbatim_is_for(line, output) && line->seen;
        }
        verbatim_end(interface);
}
