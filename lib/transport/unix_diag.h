/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TRANSPORT_UNIX_DIAG_H
#define LEAT_TRANSPORT_UNIX_DIAG_H

/* What the kernel knows of a listening unix socket and of its connections (sock_diag(7)), without touching them. */

#include "channel/transport.h"
#include "transport/unix_name.h"

/* Fill in parties, waiting and queued_bytes. 0; -ECONNREFUSED: nobody listens; -ENOTSUP: this kernel cannot tell. */
int unix_diag(const struct unix_name *name, bool datagrams, struct leat_reason *reason, struct leat_info *info);

#endif
