/* SPDX-License-Identifier: MIT */
#ifndef LEATGEN_CHECK_H
#define LEATGEN_CHECK_H

/*
 * What the parts of the checker share. Every rule reports what it finds and goes on; what is broken is left out by the rules after it
 * (a type without a definition, a constant without a value), so that one mistake is told once.
 *
 * Nothing here recurses: the walks over types are loops, so a file cannot exhaust the stack, and everything that is looked up is in one
 * hash table, so the time grows with the length of the file.
 */

#include "tools/leatgen/job.h"
#include "tools/leatgen/pairs.h"

/* What a name of the file stands for: RFC 4506 and RFC 5531 have one name space for types, constants and programs. */
enum meaning_kind { MEANING_TYPE, MEANING_CONSTANT, MEANING_ENUMERATOR, MEANING_PROGRAM };

struct meaning {
        enum meaning_kind kind;
        struct definition *definition;
        const struct place *place;
        bool known;  /* the value is: its definition was passed */
        bool broken; /* it has none, and that was reported */
        bool twice;  /* it is also defined as something else, and that was reported: uses are not judged */
        bool bits;   /* written in hexadecimal or octal: 0xFFFFFFFF may stand for -1 */
        __int128 value;
};

/* The name spaces of the pairs: which one, and whose. */
enum space {
        SPACE_NAMES,    /* of the file; struct meaning */
        SPACE_IMPORTED, /* of what is imported: that means its own names, even if the file hides them */
        SPACE_UNKNOWN,  /* names that were reported */
        SPACE_MEMBERS,  /* fields, arms, arguments, versions and procedures by name; struct place */
        SPACE_NUMBERS,  /* labels, versions and procedures by number; struct place */
        SPACE_VALUES,   /* an enumeration's; struct enumerator */
        SPACE_FINAL,    /* what a typedef stands for in the end; struct type */
        SPACE_SERVED,   /* a program's number and a version's; struct place */
        SPACE_REMOTE,   /* programs, versions and procedures, whose names are constants for rpcgen; struct number */
        SPACE_WALK      /* typedefs that were looked at; the first one of that walk */
};

struct checker {
        struct job *job;
        struct interface *interface;
        struct pairs pairs;
        bool importing;   /* an imported definition is being looked at */
        bool cut;         /* there were errors of syntax: something may be missing for that reason alone */
        unsigned guesses; /* how many names were guessed at */
};

static inline struct pair_key key_of(enum space space, const void *owner, uint64_t what) {
        return (struct pair_key){ (uint64_t)(uintptr_t)owner * 16 + space, what };
}

static inline struct pair_key key_of_name(enum space space, const void *owner, const char *name) {
        return key_of(space, owner, (uint64_t)(uintptr_t)name);
}

/* ---- check.c ---- */

/* A definition's name, and its enumerators'. */
void check_declare(struct checker *checker, struct definition *definition);

/* ---- check_numbers.c ---- */

/* Its value, if it is a name. What that is must have been defined before, save programs, versions and procedures. Returns false if it has none: that was reported. */
bool check_number(struct checker *checker, struct number *number);
/* As 32 bits with a sign; `what` is said in messages: "an enumeration's value". */
bool check_number_int32(struct checker *checker, const struct number *number, const char *what, int32_t *ret_value);
/* 0 to UINT32_MAX. */
bool check_number_uint32(struct checker *checker, const struct number *number, const char *what, uint32_t *ret_value);
void check_constant(struct checker *checker, struct definition *definition);
void check_enumeration(struct checker *checker, struct definition *definition);

/* ---- check_types.c ---- */

const char *check_article(const char *noun); /* "a" or "an" */
struct meaning *check_meaning(struct checker *checker, const char *name);
/* Its type and its bound. Where void, string and opaque may stand, and in which shapes, the parser has seen to. */
void check_declaration(struct checker *checker, struct declaration *declaration);
/* A name of a field, arm, argument, once in its owner. */
void check_member(struct checker *checker, const void *owner, const char *name, const struct place *place,
                  const char *what);
/* What a plain type stands for behind its typedefs; NULL if that is an array or a pointer, or broken (then *ret_broken). */
const struct type *check_final(struct checker *checker, const struct type *type, bool *ret_broken);
void check_typedef_cycles(struct checker *checker);

/* ---- check_ready.c ---- */

/* A name that the file does not define, but <rpc/rpc.h> does: makes it that type. Returns whether it is one. */
bool check_ready_type(struct checker *checker, struct type *type);
/* The same of constants: TRUE and FALSE, MAXHOSTNAMELEN. */
bool check_ready_constant(const char *name, __int128 *ret_value);

/* ---- check_near.c ---- */

/* A name of the file that differs little from this one, of a type or of a constant; NULL: there is none. */
const char *check_near(struct checker *checker, const char *name, bool of_type);

/* ---- the rules of one kind of definition ---- */

void check_union(struct checker *checker, struct definition *definition);   /* check_unions.c */
void check_program(struct checker *checker, struct definition *definition); /* check_programs.c */
void check_sizes(struct checker *checker);                                  /* check_sizes.c */

#endif
