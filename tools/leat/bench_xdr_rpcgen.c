/* SPDX-License-Identifier: MIT */

/*
 * rpcgen's code with libtirpc: rpcgen is run, and what it makes is compiled together with bench_rpcgen.c.in into a private folder, and loaded.
 */

#include "tools/leat/bench_made.h"
#include "tools/leat/bench_peer.h"
#include "tools/leat/bench_xdr_ways.h"

#include <errno.h>
#include <malloc.h>

static const char interface[] =
#include "tools/leat/bench_xdr.inc"
        ;
static const char source[] =
#include "tools/leat/bench_rpcgen.inc"
        ;

static int (*open_value)(void *bytes, unsigned int size);
static int (*encode_value)(void *bytes, unsigned int size, long times);
static int (*decode_value)(void *bytes, unsigned int size, long times);

static void *compile(void) {
        static const struct made_text texts[] = { { "bench_xdr.x", interface },
                                                  { "bench_rpcgen.c", source },
                                                  { NULL } };
        static char *const header[] = { "rpcgen", "-h", "-o", "bench_xdr.h", "bench_xdr.x", NULL };
        static char *const code[] = { "rpcgen", "-c", "-o", "bench_xdr.c", "bench_xdr.x", NULL };
        static char *const compiler[] = MADE_COMPILER("bench_rpcgen.so", "bench_xdr.c", "bench_rpcgen.c");
        static char *const *const commands[] = { header, code, compiler, NULL };
        return made_library(texts, commands, "bench_rpcgen.so");
}

/* AddressSanitizer has an xdrmem_create of its own, which calls none if libtirpc is loaded later than itself. */
#if defined(__SANITIZE_ADDRESS__)
#define CAN_LOAD false
#else
#define CAN_LOAD true
#endif

/* Once: there is more than one contest that it is in. */
static bool load(void) {
        static bool tried, loaded;
        void *library = tried || !CAN_LOAD ? NULL : compile();
        if (!tried)
                loaded = library && peer_find(library, "bench_rpcgen_open", &open_value) &&
                         peer_find(library, "bench_rpcgen_encode", &encode_value) &&
                         peer_find(library, "bench_rpcgen_decode", &decode_value);
        tried = true;
        return loaded;
}

static int prepare(struct xdr_ground *ground) {
        if (!load())
                return -ENOPKG;
        (void)mallopt(M_MMAP_THRESHOLD, 16 << 20); /* what xdr_free gave back is used again, as the others' memory is */
        (void)mallopt(M_TRIM_THRESHOLD, 64 << 20);
        return open_value(ground->message, (unsigned int)ground->size_bytes) < 0 ? -EPROTO : 0;
}

static int encode(struct xdr_ground *ground, int64_t times) {
        int r = encode_value(ground->room, (unsigned int)ground->size_bytes, (long)times);
        return r < 0 ? -EPROTO : xdr_ground_check(ground);
}

static int decode(struct xdr_ground *ground, int64_t times) {
        return decode_value(ground->message, (unsigned int)ground->size_bytes, (long)times) < 0 ? -EPROTO : 0;
}

const struct xdr_way way_rpcgen_encode = { .way = { .name = "rpcgen", .what = "rpcgen's code with libtirpc, xdrmem" },
                                           .prepare = prepare,
                                           .run = encode };
const struct xdr_way way_rpcgen_decode = { .way = { .name = "rpcgen",
                                                    .what = "rpcgen's code with libtirpc, xdrmem, and xdr_free" },
                                           .prepare = prepare,
                                           .run = decode };
