/* SPDX-License-Identifier: MIT */
#ifndef LEAT_CHANNEL_ADDRESS_H
#define LEAT_CHANNEL_ADDRESS_H

/* Addresses, parsed and checked (<leat/address.h> says what they look like). */

#include "base/error.h"
#include "channel/framing.h"

#include <leat/transport.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define ADDRESS_SCHEME_BYTES 16
#define ADDRESS_TEXT_BYTES 64   /* the longest value of an option that is a text, and a NUL */
#define ADDRESS_REPLY_BYTES 512 /* the same of ?reply=, which is an address */
#define ADDRESS_BYTES 4096      /* the longest address, and so the longest rest */

/* The options, which also number the bits in `given`. A transport says which ones it knows. */
enum address_option {
        OPTION_OPEN,
        OPTION_CREATE,
        OPTION_NEW,
        OPTION_LISTEN,
        OPTION_CONNECT,
        OPTION_PATTERN,
        OPTION_FRAMING,
        OPTION_NEED,
        OPTION_MODE,
        OPTION_ASIDE,
        OPTION_SIZE,
        OPTION_CAPACITY,
        OPTION_BACKLOG,
        OPTION_CONNECTIONS,
        OPTION_WHO,
        OPTION_EXCLUSIVE,
        OPTION_TEMPORARY,
        OPTION_END,
        OPTION_DEPTH,
        OPTION_FROM,
        OPTION_DURABLE,
        OPTION_ROTATE,
        OPTION_ROTATE_AGE,
        OPTION_RETAIN,
        OPTION_RETAIN_AGE,
        OPTION_RETAIN_FILES,
        OPTION_NODELAY,
        OPTION_KEEPALIVE,
        OPTION_MULTICAST,
        OPTION_INTERFACE,
        OPTION_TTL,
        OPTION_RECONNECT,
        OPTION_AT_LEAST_ONCE,
        OPTION_ACKNOWLEDGE,
        OPTION_REPLY,
        OPTION_WAIT,
        OPTION_RING,
        OPTION_HUGE,
        OPTION_ACCESS,
        OPTION_PRIVATE,
        OPTION_OFFSET,
        OPTION_LENGTH,
        OPTION_RAW,
        OPTION_MOST,
        OPTION_PARTICIPANTS,
        OPTION_LOG,
        OPTION_POPULATE,
        OPTION_COUNT
};

#define OPTION_BIT(option) (UINT64_C(1) << (option))
/* The options of every transport. */
#define OPTIONS_COMMON                                                                                                 \
        (OPTION_BIT(OPTION_OPEN) | OPTION_BIT(OPTION_CREATE) | OPTION_BIT(OPTION_PATTERN) |                            \
         OPTION_BIT(OPTION_FRAMING) | OPTION_BIT(OPTION_NEED) | OPTION_BIT(OPTION_ASIDE) | OPTION_BIT(OPTION_SIZE) |   \
         OPTION_BIT(OPTION_CAPACITY) | OPTION_BIT(OPTION_REPLY) | OPTION_BIT(OPTION_WAIT))

struct address {
        char scheme[ADDRESS_SCHEME_BYTES];
        char *rest;           /* decoded, NUL-terminated, owned */
        uint32_t rest_column; /* where it begins, from 1 */
        uint64_t given;       /* which options: OPTION_BIT */
        uint32_t columns[OPTION_COUNT];
        /* the values, or their defaults */
        uint64_t pattern; /* enum leat_pattern; only if given */
        uint64_t framing; /* enum framing */
        uint64_t need;    /* bits: 1 << enum leat_row */
        uint64_t mode;
        uint64_t aside;
        uint64_t wait; /* enum spin_mode */
        uint64_t size; /* 0: the declaration's */
        uint64_t capacity;
        uint64_t backlog;
        uint64_t connections;
        uint64_t who;
        uint64_t depth;   /* messages a queue holds; 0: the system's default */
        uint64_t from;    /* where a reader of a log begins: below */
        uint64_t durable; /* 0 none, 1 each, 2 group */
        uint64_t rotate;  /* bytes after which a log begins a new file; 0: never */
        uint64_t rotate_age_ns;
        uint64_t retain; /* bytes of full files that a log keeps; only if given, as the next two */
        uint64_t retain_age_ns;
        uint64_t retain_files;
        uint64_t nodelay;   /* 1: small messages go out at once */
        uint64_t keepalive; /* seconds without a sign of life until the other end is asked; 0: never */
        uint64_t ring;      /* bytes of the ring that a party sends by; 0: the default */
        uint64_t access;    /* enum leat_access of a region */
        uint64_t offset,
                length;        /* of a foreign segment or file: the part that is mapped; length 0: all behind offset */
        uint64_t most;         /* bytes that a region may grow to; 0: the default */
        uint64_t participants; /* of a region at once */
        uint64_t log;          /* bytes of its transactions' log */
        uint64_t ttl;          /* how many routers a multicast may pass */
        char multicast[ADDRESS_TEXT_BYTES]; /* the group; only if given, and so */
        char interface[ADDRESS_TEXT_BYTES]; /* its name */
        char reply[ADDRESS_REPLY_BYTES];    /* where answers go, or may go; only if given */
        bool distrusted; /* its last name is a stranger's word: no link is followed there, and no part of something taken for it */
};

/* The values of ?from=: the two highest bits say what the rest is. */
#define FROM_START UINT64_C(0)
#define FROM_END (UINT64_C(1) << 62)
#define FROM_NUMBER (UINT64_C(2) << 62) /* the sequence in the log */
#define FROM_TIME (UINT64_C(3) << 62)   /* ns since 1970, CLOCK_REALTIME */
#define FROM_KIND(from) ((from) & (UINT64_C(3) << 62))
#define FROM_VALUE(from) ((from) & ~(UINT64_C(3) << 62))

static inline bool address_given(const struct address *address, enum address_option option) {
        return address->given & OPTION_BIT(option);
}

/* Parse. On success the address is to be given to address_clear(). -EINVAL with the column, -ENOMEM. */
int address_parse(const char *text, struct leat_reason *reason, struct address *ret_address);
void address_clear(struct address *address);

/* Are all given options among these? -ENOTSUP with the column. */
int address_check_options(const struct address *address, uint64_t known, struct leat_reason *reason);

/* "64k", "1M": a number with a unit of bytes. false: it is none. */
bool address_parse_size(const char *text, uint64_t *ret_size);

/* "90s", "5m", "24h", "7d": a number with a unit of time. false: it is none. */
bool address_parse_duration(const char *text, uint64_t *ret_ns);

#endif
