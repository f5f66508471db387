/* SPDX-License-Identifier: MIT */
#ifndef LEATGEN_COMPATIBLE_H
#define LEATGEN_COMPATIBLE_H

/*
 * --check-compatible: two interfaces are laid side by side, by the numbers that are on the wire, and by the names that are in
 * programs. Pairs of definitions that meet (of the same name, or where one's field is of one and the other's of the other) are put into a list
 * and compared once each: so recursive types end, and nothing is as deep as the types are.
 */

#include "tools/leatgen/job.h"
#include "tools/leatgen/pairs.h"

enum level {
        LEVEL_COMPATIBLE, /* worth to be said, but nothing breaks */
        LEVEL_SOURCE,     /* programs have to be changed to compile */
        LEVEL_WIRE        /* an old and a new peer misunderstand or refuse each other */
};

struct finding {
        enum level level;
        const struct place *place; /* in the new file */
        const char *text;
        size_t order;
};

struct meeting {
        const struct definition *old, *now;
};

struct comparison {
        struct job *job;
        const struct interface *old, *now;
        struct finding *findings;
        size_t finding_count, finding_room;
        struct meeting *list; /* of definitions, in the order in which they met */
        size_t list_count, list_room, list_done;
        struct pairs met;
        struct pairs named, numbered; /* what lies in both: enumerators, arms, procedures */
};

/* A line of the result. `old` is where it stood before; NULL: nowhere. */
void found(struct comparison *c, enum level level, const struct place *place, const struct place *old,
           const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Whether the two meet for the first time. */
bool meet(struct comparison *c, const void *old, const void *now);

/*
 * What an owner has of a name or of a number: an enumeration its enumerators, a union the arms by their labels, a version its procedures. Of several
 * it is the first; NULL: it has none.
 */
const void *item_of_name(const struct comparison *c, const void *owner, const char *name);
const void *item_of_number(const struct comparison *c, const void *owner, int64_t number);

/* Two definitions of types; compared later, by compare_definitions(). */
void compare_later(struct comparison *c, const struct definition *old, const struct definition *now);
void compare_definitions(struct comparison *c, const struct definition *old, const struct definition *now);

/* Two declarations, `what` in messages. Names are not looked at. */
void compare_declarations(struct comparison *c, const char *what, const struct declaration *old,
                          const struct declaration *now);

/* Fields in their order: of structures, and the arguments of a procedure. */
void compare_fields(struct comparison *c, const char *owner, const struct place *place, const struct declaration *old,
                    const struct declaration *now);

void compare_programs(struct comparison *c);

const char *definition_title(const struct definition *definition);

#endif
