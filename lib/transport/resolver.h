/* SPDX-License-Identifier: MIT */
#ifndef LEAT_TRANSPORT_RESOLVER_H
#define LEAT_TRANSPORT_RESOLVER_H

/*
 * Looking up the name of a host without waiting for it.
 *
 * getaddrinfo() waits for as long as it likes and cannot be called off. So it runs in a thread of its own, with all signals blocked, on
 * its own copy of everything; the look-up is owned by the thread and by who asked, and whoever leaves last frees it. Who asked leaves when
 * it likes; the thread stays until getaddrinfo() returns. A program that asks again and again while no name server answers gathers no
 * threads without end: at most LOOK_UPS_MAX are under way at once, a further one begins when one of them has ended. It reads /etc/hosts and asks whatever nsswitch.conf(5) says.
 *
 *     struct look_up *look_up;
 *     r = look_up_start(&name, &look_up);
 *     while (r == 0 && (r = look_up_take(look_up, reason, &candidates)) == -EAGAIN) {
 *             wait_init(&wait);
 *             look_up_arm(look_up, &wait);
 *             r = wait_until(&wait, deadline);
 *     }
 *     look_up_leave(look_up);
 *
 * resolver_candidates() is that, for who has nothing else to wait for.
 */

#include "transport/inet_address.h"
#include "wait/wait.h"

#define LOOK_UPS_MAX 64 /* threads of one process */

struct look_up;

/* -ENOMEM, -EMFILE, -ENFILE. The name is copied. */
int look_up_start(const struct inet_name *name, struct look_up **ret_look_up);

/* Sleep on it. */
void look_up_arm(const struct look_up *look_up, struct wait *wait);

/*
 * What was found, in the order of RFC 8305, section 4: the resolver's order, the families taking turns. 0, at least one; -EAGAIN: it is
 * under way; -ENOENT: there is no such name; -EHOSTUNREACH: those who might know do not answer; -ECONNABORTED: this is a
 * forked child, and the thread stayed with its parent; -ENOMEM and others of the system.
 */
int look_up_take(struct look_up *look_up, struct leat_reason *reason, struct inet_candidates *ret_candidates);

/* Leave it, whether it has ended or not; NULL is taken. */
void look_up_leave(struct look_up *look_up);

/* The candidates of any name (inet_candidates() of what is none), until the deadline: -EAGAIN and -ETIMEDOUT too. */
int resolver_candidates(const struct inet_name *name, int64_t deadline, struct leat_reason *reason,
                        struct inet_candidates *ret_candidates);

#endif
