/* SPDX-License-Identifier: MIT */
#ifndef LEATGEN_PREPROCESS_H
#define LEATGEN_PREPROCESS_H

/*
 * Our own subset of cpp. RPC_HDR, RPC_XDR, RPC_CLNT, RPC_SVC and RPC_TBL are undecided: a condition is evaluated once for
 * each output, and its value is the set of outputs (FOR_...) for which it holds. All else is decided.
 */

#include "tools/leatgen/lex.h"

#define INCLUDE_DEPTH_MOST 64u
#define CONDITION_DEPTH_MOST 64u
#define MACRO_DEPTH_MOST 32u

struct tokens {
        struct token *items;
        size_t count, room;
        const char *heading; /* the comment at the head of the first file; or NULL */
};

/* All tokens of the source and of what it includes, ended by TOKEN_END. Free with tokens_free(). */
void preprocess(struct job *job, const struct source *source, struct tokens *ret_tokens);
void tokens_free(struct tokens *tokens);

#endif
