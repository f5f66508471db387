/* SPDX-License-Identifier: MIT */
#ifndef DATAGRAMS_H
#define DATAGRAMS_H

/* Ends of unix-dgram: and udp: on this machine, and strangers with plain sockets. */

#include "ends.h"

#include <arpa/inet.h>
#include <errno.h>
#include <leat.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define SOON harness_deadline_ms(40000)
#define HEADER_BYTES 48

enum { MESSAGE = 1, CONTINUE, REPLY, TAKEN, ABANDON, REFUSE }; /* docs/wire.md */

struct leat_channel *open_end(const char *address, unsigned flags);

/* Bind somewhere that only this test knows; *ret_address is for the other ends. */
struct leat_channel *bind_end(const char *scheme, const char *options, unsigned flags, char ret_address[256]);

void take(struct leat_channel *receiver, const char *text);
void take_request(struct leat_channel *replier, const char *text, struct leat_message *ret_about);
void nothing_comes(struct leat_channel *receiver);

/* A call whose reply is what it asked and "!". */
void check_call(struct leat_channel *caller, const char *text);
/* The same in a thread: asks "second". */
void *call_second(void *caller);

/* Where an address says, as the system writes it. */
socklen_t parse(const char *address, struct sockaddr_storage *ret_to);

/* A socket of its own, with a name, that talks to the address. */
int make_stranger(const char *address);
size_t make_frame(uint8_t *frame, int kind, uint64_t sequence, uint64_t reference, const char *text);
void put(int fd, int kind, uint64_t sequence, uint64_t reference, const char *text);

/* Each test for both schemes. */
#define BOTH(name_)                                                                                                    \
        static void name_(const char *scheme);                                                                         \
        TEST(name_##_unix_dgram) {                                                                                     \
                name_("unix-dgram");                                                                                   \
        }                                                                                                              \
        TEST(name_##_udp) {                                                                                            \
                name_("udp");                                                                                          \
        }                                                                                                              \
        static void name_(const char *scheme)

#endif
