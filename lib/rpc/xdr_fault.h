/* SPDX-License-Identifier: MIT */
#ifndef LEAT_RPC_XDR_FAULT_H
#define LEAT_RPC_XDR_FAULT_H

/*
 * A fault, and the path to it, which is written from its end: whoever finds the fault says what it is, and each one that it then passes
 * on its way out puts its own field or index before the path. So what goes well pays nothing for it.
 */

#include <leat/xdr_code.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct xdr_trouble {
        struct leat_xdr_fault fault; /* its path is at the end of path[] until xdr_trouble_tell() */
        size_t begin;                /* of the path in path[] */
        bool cut;                    /* the path is longer than that */
};

static inline void xdr_trouble_begin(struct xdr_trouble *trouble) {
        trouble->fault.what = LEAT_XDR_OK;
        trouble->begin = LEAT_XDR_PATH_MAX - 1;
        trouble->fault.path[trouble->begin] = '\0';
        trouble->cut = false;
}

/* Each of these accepts NULL for the trouble: nobody asks. */
void xdr_trouble_set(struct xdr_trouble *trouble, enum leat_xdr_what what, uint64_t offset, uint64_t value,
                     uint64_t limit);
void xdr_trouble_in_field(struct xdr_trouble *trouble, const char *name); /* "": it has no name, and nothing is added */
void xdr_trouble_in_item(struct xdr_trouble *trouble, uint64_t index);

/* Tell it, to NULL if nobody asks; returns the error. `encoding`: what is wrong is wrong with a value, and not with bytes. */
int xdr_trouble_tell(struct xdr_trouble *trouble, bool encoding, struct leat_xdr_fault *ret_fault);

/* Tell a fault of the value itself, or with LEAT_XDR_OK and 0 that there is none. Returns the error. */
int xdr_fault_tell(struct leat_xdr_fault *ret_fault, enum leat_xdr_what what, int error);

/* There is no value, NULL: right for void alone. Returns 0 or -EINVAL. */
int xdr_fault_tell_nothing(struct leat_xdr_type type, struct leat_xdr_fault *ret_fault);

/* Can this type of this schema be gone over? Returns 0, -EPROTONOSUPPORT or -EINVAL. */
int xdr_type_check(struct leat_xdr_type type);

#endif
