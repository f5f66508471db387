/* SPDX-License-Identifier: MIT */
#ifndef LEATGEN_INTERFACE_H
#define LEATGEN_INTERFACE_H

/*
 * An interface as data: what the parser makes, the checker completes, and the emitters read.
 *
 * All of it lies in one pool (job.h) that lives as long as the job; texts are interned there and end with a NUL. The parser fills in what
 * the file says. check() resolves names, evaluates numbers and fills in what is marked "checked"; names() fills in what is marked "named": the
 * C names; plan() what is marked "planned": how each type lies in memory and on the wire. Nothing is emitted unless all three went without
 * an error.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct source; /* source.h: a file's text */

/* Where something stands, for messages. Lines and columns count from 1; columns are bytes. */
struct place {
        const struct source *source; /* NULL: nowhere, the command line say */
        uint32_t line, column;
        uint32_t length; /* of what is pointed at, in bytes; 0: unknown */
};

/* ---- numbers ---- */

/* A number, or a name of one. Wide enough for every hyper and unsigned hyper. */
struct number {
        struct place place;
        const char *name; /* of a constant or an enumerator, or NULL: it is written as digits */
        const char *text; /* as written: "0x10", "-1", "NAME" */
        __int128 value;   /* of digits: parsed. Of a name: checked */
        struct definition *
                constant; /* checked: of a name, the const, or the enumeration whose enumerator it is; NULL: TRUE, FALSE or -D */
};

/* ---- types ---- */

enum type_kind {
        TYPE_VOID,
        TYPE_INT,
        TYPE_UNSIGNED,
        TYPE_HYPER,
        TYPE_UNSIGNED_HYPER,
        TYPE_FLOAT,
        TYPE_DOUBLE,
        TYPE_QUADRUPLE,
        TYPE_BOOL,
        TYPE_CHAR, /* rpcgen's: four bytes on the wire, as the next three */
        TYPE_UNSIGNED_CHAR,
        TYPE_SHORT,
        TYPE_UNSIGNED_SHORT,
        TYPE_STRING, /* with the declaration's bound */
        TYPE_OPAQUE, /* with the declaration's shape and bound */
        TYPE_NAMED, /* `definition` is what the name stands for; also of inline bodies, whose definition has no name of the file */
        TYPE_KIND_MAX = TYPE_NAMED
};

/* As the language has them. */
extern const char *const type_kind_names[TYPE_KIND_MAX + 1];

struct type {
        struct place place;
        enum type_kind kind;
        const char *name;              /* of TYPE_NAMED, NULL if the body is inline */
        const char *tag;               /* "struct", "union" or "enum" if it stood before the name, else NULL */
        struct definition *definition; /* of an inline body: parsed. Of a name: checked */
};

enum shape {
        SHAPE_PLAIN,    /* T name */
        SHAPE_FIXED,    /* T name[bound] */
        SHAPE_VARIABLE, /* T name<bound>, T name<>; also every string */
        SHAPE_OPTIONAL, /* T *name */
        SHAPE_MAX = SHAPE_OPTIONAL
};

/* `T name`, in its shapes: a field, an arm, an argument, a result, the body of a typedef. void is TYPE_VOID, and has no name. */
struct declaration {
        struct place place;        /* of the name; of the type, where there is none */
        const char *name;          /* NULL: void, or an argument without a name */
        const char *documentation; /* the comment before it or behind it on its line, without its marks; or NULL */
        struct type type;
        enum shape shape;
        struct number *bound; /* NULL: none was written */
        uint32_t bound_value; /* checked: UINT32_MAX is unbounded */
        const char *c_name;   /* named */
        uint32_t node;        /* planned: of the schema */
        struct declaration *next;
};

/* ---- definitions ---- */

enum definition_kind {
        DEFINITION_CONST,
        DEFINITION_ENUM,
        DEFINITION_STRUCT,
        DEFINITION_UNION,
        DEFINITION_TYPEDEF,
        DEFINITION_PROGRAM,
        DEFINITION_VERBATIM, /* a % line, for the output */
        DEFINITION_KIND_MAX = DEFINITION_VERBATIM
};

/* As messages call them: "struct", "constant". */
extern const char *const definition_kind_names[DEFINITION_KIND_MAX + 1];

struct enumerator {
        struct place place;
        const char *name;
        const char *documentation;
        struct number *number; /* NULL: one more than the one before, 0 for the first */
        int32_t value;         /* checked */
        const char *c_name;    /* named */
        struct enumerator *next;
};

/* A union's arm with the labels that lead to it; `default:` has none. */
struct arm {
        struct place place; /* of the first label */
        struct label *labels;
        bool is_default;
        struct declaration declaration;
        bool held; /* planned: by a pointer, as it is wide or recursive */
        struct arm *next;
};

struct label {
        struct number number;
        int32_t value; /* checked */
        struct label *next;
};

struct procedure {
        struct place place;
        const char *name;
        const char *documentation;
        struct number number;
        struct declaration result;     /* without a name */
        struct declaration *arguments; /* NULL: void. Names may be NULL */
        bool idempotent, stream;
        int64_t timeout_ns; /* deadline=; 0: none */
        const char *c_name; /* named: what stands in stubs, "dir_lookup_1" */
        struct definition *
                argument_type; /* planned: of several arguments, the structure that they make (one that is in no file) */
        uint32_t argument_node, result_node; /* planned */
        struct procedure *next;
};

struct version {
        struct place place;
        const char *name;
        const char *documentation;
        struct number number;
        struct procedure *procedures;
        const char *c_name; /* named: "dir_1" */
        struct version *next;
};

/* Which outputs a % line or a definition between #if RPC_... is for. */
#define FOR_HEADER 1u /* RPC_HDR */
#define FOR_XDR 2u    /* RPC_XDR */
#define FOR_CLIENT 4u /* RPC_CLNT */
#define FOR_SERVER 8u /* RPC_SVC */
#define FOR_ALL 15u

struct definition {
        enum definition_kind kind;
        struct place place; /* of the name */
        const char *name;   /* NULL: an inline body, or a verbatim line */
        const char *documentation;
        uint32_t outputs; /* FOR_...: as the preprocessor's conditions say */
        bool imported;    /* from another interface that has a header of its own: known, not written */
        const struct interface *
                home; /* of an imported one: that interface (its base and namespace name it in C); NULL: the file's own */
        union {
                struct number number;           /* const */
                struct enumerator *enumerators; /* enum */
                struct declaration *fields;     /* struct */
                struct {                        /* union */
                        struct declaration discriminant;
                        struct arm *arms; /* in the file's order */
                };
                struct declaration alias; /* typedef: its name is the definition's */
                struct {                  /* program */
                        struct number program_number;
                        struct version *versions;
                };
                const char *text; /* verbatim, without the % */
        };
        struct definition *outer; /* of an inline body: in which definition it stands */
        const char *c_name;       /* named: "dir_entry", without struct, union or enum */
        const char
                *c_type; /* named: how a variable of it is declared: "struct dir_entry", "enum dir_kind", "dir_name" */
        bool seen, done; /* of whoever walks over them; false between walks */
        bool recursive;  /* planned: it can contain itself by something else than a chain */
        bool chain;      /* planned: its last field is an optional pointer to it */
        uint32_t node;   /* planned */
        uint64_t c_size, c_align; /* planned: of its C type on LP64 */
        uint64_t wire_min;        /* planned: saturating at UINT32_MAX */
        bool flat;                /* planned: always wire_min bytes on the wire */
        struct definition *next;
};

struct interface {
        const struct source *source; /* the file of the command line */
        const char *base;            /* its name without folder and .x */
        const char *prefix;          /* named: "dir"; upper-case for constants: prefix_upper */
        const char *prefix_upper;
        const char *
                table; /* named: what the schema and its tables are called after. The prefix, with the file's base where that differs:
                                           several files may have one namespace */
        struct definition *
                definitions; /* in the file's order; inline bodies and imported ones are among them, before what uses them */
        struct definition **last;
        struct imports *imports; /* import.h: the C headers of `%#include`, whose constants are known */
        const char *namespace_name, *package_name; /* --extended; or NULL */
        const char *documentation;                 /* the comment at the file's head; or NULL */
};

/* A declaration in a type. */
struct part {
        struct declaration *declaration;
        struct arm *arm; /* if it is a union's arm */
};

/*
 * From one to the next, beginning with {0}: a structure's fields, a union's discriminant and then its arms, what a typedef is. Returns
 * false behind the last one; of what is no type it is the only answer.
 */
bool next_part(struct definition *definition, struct part *part);

/* ---- questions that several stages ask ---- */

/* An enumeration, a structure, a union or a typedef. */
bool definition_is_type(const struct definition *definition);
/* Of its own: imported ones do not count. */
bool interface_has_program(const struct interface *interface);
bool has_result(const struct procedure *procedure);

#endif
