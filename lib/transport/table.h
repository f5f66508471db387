/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TRANSPORT_TABLE_H
#define LEAT_TRANSPORT_TABLE_H

/* Every transport: one line here and one in table.c. */

#include "channel/transport.h"

extern const struct transport transport_pipe;
extern const struct transport transport_unix;
extern const struct transport transport_unix_stream;
extern const struct transport transport_shm;
extern const struct transport transport_log;
extern const struct transport transport_inbox;
extern const struct transport transport_fifo;
extern const struct transport transport_mq;
extern const struct transport transport_sysv_mq;
extern const struct transport transport_netlink;
extern const struct transport transport_tcp;
extern const struct transport transport_raw;
extern const struct transport transport_unix_dgram;
extern const struct transport transport_udp;

#endif
