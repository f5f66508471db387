/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TOOL_RPC_INTERFACE_H
#define LEAT_TOOL_RPC_INTERFACE_H

/*
 * An interface file, read for calls by hand: what leatgen(1) would write as C, as tables in memory (<leat/xdr_code.h>, no straight code).
 *
 * Each version is one struct leat_rpc_program, as the generated code has it. Every server has procedure 0, so a version whose file does not
 * name it has one more, "NULL".
 */

#include <leat/rpc.h>
#include <stdbool.h>
#include <stddef.h>

/* How the file is read; as leatgen's -I, -D and --extended. NULL-terminated. */
struct rpc_reading {
        const char **search, **defines;
        bool extended;
};

struct rpc_version {
        const char *name; /* of the version, as in the file; its program's is program.name */
        struct leat_rpc_program program;
};

struct rpc_interface {
        struct rpc_version *versions;
        size_t count;
        struct rpc_compiled *compiled; /* what all of it lies in */
};

#define RPC_INTERFACE_NONE                                                                                             \
        { NULL, 0, NULL }

/* Read a file. Returns DONE, or the exit code after saying what is wrong with it, as leatgen does. Freed by rpc_interface_free() in any case. */
int rpc_interface_read(const char *path, const struct rpc_reading *reading, struct rpc_interface *ret_interface);
void rpc_interface_free(struct rpc_interface *interface);

/*
 * Which procedure a person means: PROCEDURE, VERSION.PROCEDURE or PROGRAM.VERSION.PROCEDURE, each a name or a number. Names are as in the file,
 * or in other case, or the end behind an underscore (GETATTR for NFSPROC_GETATTR), if only one is so.
 * Returns DONE, or the exit code after saying which there are.
 */
int rpc_interface_find(const struct rpc_interface *interface, const char *text, const struct rpc_version **ret_version,
                       uint32_t *ret_procedure);

#endif
