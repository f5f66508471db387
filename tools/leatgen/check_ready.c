/* SPDX-License-Identifier: MIT */

/*
 * Types and constants of <rpc/rpc.h> and of what it includes: files for rpcgen use them as if they were of the language, since its output includes that
 * header. One that the file does not define itself is what it is there; types that have a body are defined before all else.
 */

#include "tools/leatgen/check.h"

#include "tools/leatgen/import.h"
#include "tools/leatgen/parse.h"
#include <string.h>

/* ---- those that are another name of a type ---- */

static const struct {
        const char *name;
        enum type_kind kind;
} simple[] = {
        { "enum_t", TYPE_INT },
        { "uchar_t", TYPE_UNSIGNED_CHAR },
        { "uint_t", TYPE_UNSIGNED },
        { "ulong_t", TYPE_UNSIGNED },
        { "ushort_t", TYPE_UNSIGNED_SHORT },
        /* words of the language, behind a `%#define` */
        { "bool", TYPE_BOOL },
        { "char", TYPE_CHAR },
        { "double", TYPE_DOUBLE },
        { "float", TYPE_FLOAT },
        { "hyper", TYPE_HYPER },
        { "int", TYPE_INT },
        { "long", TYPE_INT },
        { "short", TYPE_SHORT },
        { "unsigned", TYPE_UNSIGNED },
        { "unsigned char", TYPE_UNSIGNED_CHAR },
        { "unsigned hyper", TYPE_UNSIGNED_HYPER },
        { "unsigned int", TYPE_UNSIGNED },
        { "unsigned long", TYPE_UNSIGNED },
        { "unsigned short", TYPE_UNSIGNED_SHORT },
};

static bool make_simple(struct type *type, const char *name) {
        enum type_kind kind = TYPE_VOID;
        bool known = parse_type_kind(name, &kind);
        for (size_t i = 0; !known && i < sizeof(simple) / sizeof(simple[0]); i++) {
                known = strcmp(simple[i].name, name) == 0;
                kind = simple[i].kind;
        }
        if (known)
                *type = (struct type){ .place = type->place, .kind = kind };
        return known;
}

/* ---- those that have a body ---- */

static struct definition *define(struct checker *checker, const struct type *type, enum definition_kind kind) {
        struct definition *made = JOB_NEW(checker->job, struct definition);
        *made = (struct definition){ .kind = kind, .place = type->place, .name = type->name, .outputs = FOR_ALL };
        made->next = checker->interface->definitions;
        checker->interface->definitions = made;
        check_declare(checker, made);
        return made;
}

/* opaque name[bound] or name<bound>; a bound of UINT32_MAX is not written. */
static struct declaration opaque(struct checker *checker, const struct type *type, const char *name, enum shape shape,
                                 uint32_t bound) {
        struct declaration made = { .place = type->place, .shape = shape, .bound_value = bound };
        made.name = job_intern_text(checker->job, name);
        made.type = (struct type){ .place = type->place, .kind = TYPE_OPAQUE };
        if (bound == UINT32_MAX)
                return made;
        made.bound = JOB_NEW(checker->job, struct number);
        *made.bound =
                (struct number){ .place = type->place, .text = job_format(checker->job, "%u", bound), .value = bound };
        return made;
}

/* struct netbuf { unsigned maxlen; opaque buf<>; } is what xdr_netbuf() of libtirpc writes and reads. */
static struct definition *define_netbuf(struct checker *checker, const struct type *type) {
        struct definition *made = define(checker, type, DEFINITION_STRUCT);
        struct declaration *most = JOB_NEW(checker->job, struct declaration),
                           *bytes = JOB_NEW(checker->job, struct declaration);
        *most = (struct declaration){ .place = type->place,
                                      .type = { .place = type->place, .kind = TYPE_UNSIGNED },
                                      .next = bytes };
        most->name = job_intern_text(checker->job, "maxlen");
        *bytes = opaque(checker, type, "buf", SHAPE_VARIABLE, UINT32_MAX);
        made->fields = most;
        return made;
}

static struct definition *define_opaque(struct checker *checker, const struct type *type, enum shape shape,
                                        uint32_t bound) {
        struct definition *made = define(checker, type, DEFINITION_TYPEDEF);
        made->alias = opaque(checker, type, type->name, shape, bound);
        return made;
}

/* ---- those that a `%#define` makes ---- */

/* The words of a text with one blank between them, interned. */
static const char *words_of(struct job *job, const char *text) {
        char *words = job_take(job, strlen(text) + 1);
        size_t size = 0;
        for (; *text; text++) {
                bool blank = *text == ' ' || *text == '\t' || *text == '\r';
                if (!blank)
                        words[size++] = *text;
                else if (size && words[size - 1] != ' ')
                        words[size++] = ' ';
        }
        while (size && words[size - 1] == ' ')
                size--;
        return job_intern(job, words, size);
}

#define HOPS_MOST 16

/* `%#define distance uint64_t`: a macro whose text is a type's name, of which C makes that type. */
static bool make_macro(struct checker *checker, struct type *type) {
        const struct imports *imports = checker->interface->imports;
        const char *name = type->name;
        for (unsigned hops = 0; imports && hops < HOPS_MOST; hops++) {
                const struct constant *macro = map_get(&imports->constants, name);
                if (!macro)
                        return false;
                name = words_of(checker->job, macro->body);
                if (make_simple(type, name))
                        return true;
                const struct meaning *meaning = check_meaning(checker, name);
                if (meaning && meaning->kind == MEANING_TYPE) {
                        type->definition = meaning->definition;
                        return true;
                }
        }
        return false;
}

bool check_ready_type(struct checker *checker, struct type *type) {
        if (make_simple(type, type->name) || make_macro(checker, type))
                return true;
        if (strcmp(type->name, "netobj") == 0)
                type->definition = define_opaque(checker, type, SHAPE_VARIABLE, 1024);
        else if (strcmp(type->name, "des_block") == 0)
                type->definition = define_opaque(checker, type, SHAPE_FIXED, 8);
        else if (strcmp(type->name, "netbuf") == 0)
                type->definition = define_netbuf(checker, type);
        return type->definition != NULL;
}

/* ---- constants ---- */

static const struct {
        const char *name;
        uint32_t value;
} constants[] = { { "FALSE", 0 },
                  { "HEXKEYBYTES", 48 },
                  { "KEYBYTES", 24 },
                  { "KEYCHECKSUMSIZE", 16 },
                  { "KEYSIZE", 192 },
                  { "MAXHOSTNAMELEN", 64 },
                  { "MAXNETNAMELEN", 255 },
                  { "MAXPATHLEN", 4096 },
                  { "MAX_AUTH_BYTES", 400 },
                  { "MAX_MACHINE_NAME", 255 },
                  { "MAX_NETOBJ_SZ", 1024 },
                  { "NAME_MAX", 255 },
                  { "NGRPS", 16 },
                  { "PATH_MAX", 4096 },
                  { "PMAPPORT", 111 },
                  { "RPC_MAXADDRSIZE", 1024 },
                  { "RPC_MAXDATASIZE", 9000 },
                  { "TRUE", 1 } };

bool check_ready_constant(const char *name, __int128 *ret_value) {
        for (size_t i = 0; i < sizeof(constants) / sizeof(constants[0]); i++)
                if (strcmp(constants[i].name, name) == 0) {
                        *ret_value = constants[i].value;
                        return true;
                }
        return false;
}
