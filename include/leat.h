/* SPDX-License-Identifier: MIT */
#ifndef LEAT_H
#define LEAT_H

/*
 * Leat: one contract for everything that processes say to each other.
 *
 * This includes the whole public face. Begin with <leat/channel.h>: its opening says how a channel
 * lives. <leat/address.h> says where channels are, <leat/message.h> what travels, <leat/error.h>
 * what can go wrong, <leat/deadline.h> how long to wait, <leat/peer.h> who is at the other end and
 * <leat/transport.h> what each mechanism promises. <leat/process.h> starts programs and joins them, and <leat/signal.h>
 * sends and receives signals. <leat/region.h> is memory that several processes share, <leat/lock.h>, <leat/transaction.h>, <leat/notice.h> and
 * <leat/structures.h> are what keeps it right; <leat/semaphore.h> has the system's own semaphores. <leat/xdr.h> turns the values of an interface that
 * leatgen(1) compiled into bytes and back, <leat/rpc.h> calls its
 * procedures, and <leat/rpcbind.h> tells others where they are served.
 */

#include <leat/address.h>
#include <leat/channel.h>
#include <leat/deadline.h>
#include <leat/error.h>
#include <leat/lock.h>
#include <leat/message.h>
#include <leat/notice.h>
#include <leat/peer.h>
#include <leat/process.h>
#include <leat/region.h>
#include <leat/rpc.h>
#include <leat/rpcbind.h>
#include <leat/semaphore.h>
#include <leat/signal.h>
#include <leat/structures.h>
#include <leat/transaction.h>
#include <leat/transport.h>
#include <leat/xdr.h>

#endif
