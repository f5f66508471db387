/* SPDX-License-Identifier: MIT */
#ifndef LEAT_ADDRESS_H
#define LEAT_ADDRESS_H

/*
 * Addresses say where a channel is: scheme:rest?option=value&option&...
 *
 *   pipe:                    a new pipe, both ends (leat_pair); pipe:fd=3 or pipe:fd=3,4: one that was given
 *   unix:/run/jobs           a unix socket of sequenced packets at that path
 *   unix:jobs                the same, in the user's own directory (below)
 *   unix:@jobs               the same, in the abstract name space (unix(7))
 *   unix-stream:/run/jobs    a unix socket of bytes, framed
 *   shm:/run/jobs            shared memory; names as of unix: (leat_shm(7))
 *   tcp:host:5000            TCP: a name, 127.0.0.1, [::1]; tcp::5000 is loopback, tcp:*:5000 every address, to listen
 *                            (leat_tcp(7))
 *   inbox: inbox:1234        a mailbox by process: its own, to receive; another's, to send to
 *   fifo:/run/jobs           a named pipe, also for programs that know nothing of Leat
 *   fifo:jobs                the same, in the user's own directory
 *   mq:/orders               a POSIX message queue; it outlives its processes
 *   log:/var/tmp/jobs        a shared file to which all append, and which keeps what was sent
 *   log:jobs                 the same, in the user's own directory
 *   sysv-mq:/path#7          a System V queue, its key made of a file and an id from 1 to 255 (ftok(3)); likewise
 *   sysv-mq:0x4d2            the same, by its key
 *   netlink:route            what the kernel tells of interfaces, addresses and routes; netlink:kobject-uevent: of devices
 *   raw:127.0.0.1            ICMP echo to a host
 *
 * A bare name (no '/', not '@') lives in $XDG_RUNTIME_DIR/leat, else /run/user/UID/leat, else in
 * /tmp/leat-UID, made with mode 0700 and used only while it is a directory of that owner and mode.
 *
 * In the rest and in values, %XX is the byte with that hexadecimal value: write a '?', '&' or '%'
 * of a name so. A value of 0 bytes, an unknown option and an option given twice are -EINVAL with the
 * column; an option that the scheme does not have, or that contradicts its declarations, is -ENOTSUP with
 * the row of the contract.
 *
 * Options of every transport of this release:
 *
 *   open | create | new      it must exist (-ENOENT, -ECONNREFUSED) | it may (default) | it must not (-EEXIST)
 *   listen | connect         this end binds | connects; default: receivers and repliers bind
 *   pattern=queue|pair|broadcast   default: pair if opened to send and receive, else queue; of log:
 *                            and with multicast= broadcast
 *   framing=leat|raw|lines|nul|length   how messages lie in the bytes (docs/wire.md); default leat, of netlink and raw raw
 *   need=ROW,...             refuse to open unless this row is declared: order end types sync who fds
 *   mode=0660                permission bits of what is made, cut by the umask (default 0666)
 *   aside=1M                 how many bytes a selective receive may set aside (row 3)
 *   size=16M                 the largest message, in bytes; both ends say the same
 *   capacity=1M              bytes that the kernel may hold: F_SETPIPE_SZ, SO_SNDBUF; of a receiver of udp: SO_RCVBUF
 *   backlog=N                connections that wait to be accepted (listen(2)); default 4096
 *   connections=N            the most senders at once (default 20,000); a further one gets -EBUSY
 *   wait=adaptive|spin|sleep before a call sleeps it looks again for a moment, as it pays (default) | for ever | not at all
 *   who=message              the sender of each message, not of the connection
 *   reply=ADDRESS            calls by a transport without a way back: where the caller wants its answers; of a replier, where they
 *                            may go (leat_call(3)); with %26 for each & in it
 *
 * Of shm (leat_shm(7)):
 *
 *   ring=1M                  the ring that this party sends by: a power of two, default 256k
 *   huge                     it is of huge pages, at least one large
 *
 * Of connections (unix, unix-stream, shm, tcp, inbox; leat_again(7)):
 *
 *   reconnect                the end that connects does so again when the connection is lost, and tells what is in doubt
 *   at-least-once            and keeps each message until it is acknowledged, and sends it again, marked
 *   acknowledge              of a receiver, also of log: with pattern=queue: a message is done with when leat_acknowledge() says so
 *
 * Of shm: (leat_shm(7)):
 *
 *   ring=256k                what waits of one sender, in bytes: a power of two from 128k to 1G
 *   huge                     the ring is made of huge pages
 *
 * Of tcp::
 *
 *   nodelay=yes|no           messages go out at once (default), or small ones may wait for each other
 *   keepalive=SECONDS        ask an end that is silent for so long, and end the connection when it does not answer
 *
 * Of unix-dgram: and udp::
 *
 *   exclusive                the receiver of a queue may select by type (row 3)
 *   multicast=GROUP          of udp: all receivers of the group hear each message (leat_udp(7), as the next)
 *   interface=NAME ttl=N     where the group is, and how many routers a message may pass; default loopback, 0
 *
 * Of stores, where what waits outlives its processes, as their pages say (leat_mq(7)):
 *
 *   exclusive                this is the one receiver: it may select by type (row 3)
 *   end                      the receiver is told when all senders are gone (row 7)
 *   temporary                it goes with its last process
 *   depth=N                  how many messages it holds
 *   from=start|end|N|TIME    where a reader of a log begins (leat_log(7), as the next)
 *   rotate=BYTES rotate-age=TIME   when a log begins a new file
 *   retain=BYTES retain-age=TIME retain-files=N   what it keeps of full ones
 *   durable=none|each|group  what a log does against loss of power
 *
 * Sizes take k, M, G (1024, 1024^2, 1024^3), durations s, m, h or d (90s, 24h).
 */

#include <leat/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Check an address without opening it.
 *
 * address: a NUL-terminated string, borrowed.
 * ret_reason: where to say what is wrong, or NULL.
 * Returns 0, or -EINVAL (malformed), -EPROTONOSUPPORT (no such scheme), -ENOTSUP (the scheme does
 * not do what the options ask).
 * Does not block. Safe with threads; not to be called from a signal handler. Since 0.1.
 */
int leat_address_check(const char *address, struct leat_reason *ret_reason);

#ifdef __cplusplus
}
#endif

#endif
