/* SPDX-License-Identifier: MIT */
#ifndef LEATGEN_MACRO_H
#define LEATGEN_MACRO_H

/* Names that #define and -D define, and the conditions that ask for them. */

#include "tools/leatgen/job.h"
#include "tools/leatgen/map.h"

struct macro {
        const char *name;
        const char *body; /* without the comments; NULL: #undef */
        struct place place;
        bool parameters; /* it has some: not understood, but it is defined */
        bool busy;       /* it is being expanded */
};

struct macros {
        struct map map;
        uint8_t output; /* of the output that a condition is evaluated for, FOR_...; 0: RPC_TBL, or none */
        unsigned steps; /* of one evaluation, so that macros of macros end */
};

void macro_define(struct job *job, struct macros *macros, const struct place *place, const char *text);
void macro_define_option(struct job *job, struct macros *macros, const char *text); /* NAME or NAME=VALUE */
void macro_undefine(struct job *job, struct macros *macros, const char *text);

struct macro *macro_find(const struct macros *macros, const char *name); /* an interned name; NULL: not defined */
/* Its value, if it is an integer. */
bool macro_value(struct job *job, struct macros *macros, struct macro *macro, __int128 *ret_value);

/* For which outputs the name at `text` is defined, and the expression is not 0. Nothing is reported if not `matters`. */
uint8_t macro_defined_for(struct job *job, const struct macros *macros, const struct place *place, const char *text,
                          bool matters);
uint8_t macro_condition(struct job *job, struct macros *macros, const struct place *place, const char *text,
                        bool matters);

/* The name in "…" or <…>. */
bool macro_header_name(struct job *job, const char *text, const char **ret_name);

#endif
