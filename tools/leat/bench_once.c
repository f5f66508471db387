/* SPDX-License-Identifier: MIT */

/* Messages in one process, each sent and then received: for tools that count instructions or system calls. */

#include "tools/leat/bench.h"

#include "tools/leat/report.h"

#include "base/cleanup.h"

#include <leat.h>
#include <stdio.h>
#include <string.h>

/* As many at once as fit: nobody takes them out meanwhile. These hold ten by default. */
static uint32_t batch_of(const struct bench_options *options, const char *scheme) {
        bool shallow = strcmp(scheme, "mq") == 0 || strcmp(scheme, "unix-dgram") == 0;
        return shallow && options->batch > 8 ? 8 : (uint32_t)options->batch;
}

static int carry(struct end ends[2], const struct bench_options *options, size_t size, bool many) {
        uint32_t batch = many ? batch_of(options, ends[0].setting->scheme) : 1;
        int r = 0;
        for (int64_t i = 0; i < options->once && r == 0; i += batch) {
                struct job job = { .size = size, .count = batch, .batch = batch };
                const struct loops *loops = &ends[0].contender->loops;
                r = (many ? loops->many_out : loops->out)(&ends[0], &job);
                if (r == 0)
                        r = (many ? loops->many_in : loops->in)(&ends[1], &job);
        }
        return r;
}

static int open_ends(struct end ends[2], size_t size, uint32_t batch) {
        const struct contender *contender = ends[0].contender;
        int r = contender->prepare ? contender->prepare(ends) : 0;
        for (int side = 0; side < 2 && r == 0; side++)
                r = end_make_room(&ends[side], size, batch);
        if (r == 0 && contender->bind)
                r = contender->bind(&ends[1]);
        if (r == 0 && contender->connect)
                r = contender->connect(&ends[0]);
        return r;
}

static void close_ends(struct end ends[2]) {
        const struct contender *contender = ends[0].contender;
        for (int side = 0; side < 2; side++) {
                if (contender->drop)
                        contender->drop(&ends[side]);
                end_free_room(&ends[side]);
        }
        if (contender->remove)
                contender->remove(ends);
}

int bench_once(const struct bench_options *options, const char *scheme, const char *folder) {
        size_t size = options->sizes_count ? options->sizes[0] : 64;
        struct setting setting = { .scheme = scheme, .folder = folder, .largest = size, .wait = options->wait };
        FREE_AT_EXIT struct shared *shared = calloc(1, sizeof(*shared));
        const struct contender *contender = options->bare ? bare_find(scheme) : &contender_leat;
        bool many = !options->bare && options->batch_said;
        struct end ends[2];
        if (!shared)
                return report(NULL, -ENOMEM, ASKING, NULL);
        for (int side = 0; side < 2; side++)
                ends[side] = (struct end){ .contender = contender,
                                           .setting = &setting,
                                           .shared = shared,
                                           .side = side,
                                           .in = -1,
                                           .out = -1,
                                           .extra = -1 };
        int r = open_ends(ends, size, many ? (uint32_t)options->batch : 1);
        if (r == 0)
                r = carry(ends, options, size, many);
        close_ends(ends);
        if (r == 0)
                return DONE;
        const char *text = shared_text(shared);
        complain(scheme, "%s", *text ? text : leat_strerror(r));
        return SYSTEM_REFUSED;
}
