/* SPDX-License-Identifier: MIT */

/*
 * Fuzz: a whole client of calls by bytes. Its server is the input: what is read of each connection is thrown away, and the next piece of the input is said, or the connection is closed. Calls of
 * all kinds are under way, some are cancelled. Whatever is answered: each call is told of once; what succeeded ran; and that one did not run is said with an answer that says so, or
 * if none could come.
 *
 * In a piece the word 0xa5a5a5a5 stands for the number of a message that was asked last.
 */

#include "require.h"
#include "rpc_schema.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CALLS 6
#define HIDDEN UINT32_C(0xa5a5a5a5)

static const struct leat_rpc_procedure procedures[] = {
        { .number = 0, .name = "NOTHING" },
        { .number = 1, .argument = NODE_UNSIGNED, .result = NODE_OPAQUE, .name = "ONCE" },
        { .number = 2,
          .flags = LEAT_RPC_IDEMPOTENT,
          .argument = NODE_UNSIGNED,
          .result = NODE_OPAQUE,
          .name = "AGAIN" },
};
static const struct leat_rpc_program program = { "FUZZ", 0x20000001, 1, 3, procedures, &schema };

static struct scene {
        int listener, fd;
        uint32_t asked[16]; /* the numbers of the last messages */
        unsigned messages;
        struct leat_rpc_client *client;
        struct leat_xdr_arena arena;
        struct leat_rpc_call calls[CALLS];
        struct leat_xdr_bytes results[CALLS];
        bool under_way[CALLS];
} scene;

/* ---- the server ---- */

static void listen_there(struct sockaddr_un *name, socklen_t *ret_size) {
        static unsigned count;
        *name = (struct sockaddr_un){ .sun_family = AF_UNIX };
        int n = snprintf(name->sun_path + 1, sizeof(name->sun_path) - 1, "leat-fuzz-rpc-%d-%u", (int)getpid(), count++);
        *ret_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
        scene.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        REQUIRE(scene.listener >= 0 && bind(scene.listener, (struct sockaddr *)name, *ret_size) == 0);
        REQUIRE(listen(scene.listener, 10) == 0);
}

/* All that came: the numbers of messages are kept. It is the library's own stream: records of one fragment, sent in one piece as there is room. */
static void hear(void) {
        static uint8_t bytes[65536];
        ssize_t n = scene.fd >= 0 ? recv(scene.fd, bytes, sizeof(bytes), MSG_DONTWAIT) : 0;
        for (ssize_t at = 0; at + 8 <= n;) {
                uint32_t mark = leat_xdr_get_32(bytes + at);
                REQUIRE((mark & 0x80000000) && (mark & 0x7fffffff) >= 40);
                scene.asked[scene.messages++ % 16] = leat_xdr_get_32(bytes + at + 4);
                at += 4 + (ssize_t)(mark & 0x7fffffff);
        }
}

static void meet(void) {
        if (scene.fd < 0)
                scene.fd = accept4(scene.listener, NULL, NULL, SOCK_CLOEXEC);
}

static void part(void) {
        if (scene.fd >= 0)
                close(scene.fd);
        scene.fd = -1;
}

/* `which`: of the last messages, the one that is answered. As one record, or as it is. */
static void say(const uint8_t *piece, size_t size, unsigned which, bool as_record) {
        uint8_t bytes[4 + 256];
        size_t at = as_record ? 4 : 0;
        memcpy(bytes + at, piece, size);
        for (size_t i = at; i + 4 <= at + size; i += 4)
                if (leat_xdr_get_32(bytes + i) == HIDDEN)
                        leat_xdr_put_32(bytes + i, scene.asked[(scene.messages - 1 - which % 16) % 16]);
        if (as_record)
                leat_xdr_put_32(bytes, (uint32_t)size | UINT32_C(0x80000000));
        if (scene.fd >= 0)
                (void)send(scene.fd, bytes, at + size, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* ---- the calls ---- */

static void check_over(size_t i) {
        const struct leat_rpc_call *call = &scene.calls[i];
        REQUIRE(scene.under_way[i]);
        scene.under_way[i] = false;
        REQUIRE(call->error <= 0 && (call->error != 0 || call->ran == LEAT_RPC_RAN));
        REQUIRE(call->error != 0 || call->status == LEAT_RPC_SUCCESS);
        REQUIRE(call->ran != LEAT_RPC_NOT_RUN || call->status != LEAT_RPC_SYSTEM_ERROR);
        if (call->error == 0 && i % 3 != 0)
                REQUIRE(scene.results[i].size_bytes <= 4096);
}

static void begin(size_t i) {
        static const uint32_t argument = 1;
        int64_t deadline = i < 3 ? leat_in_s(100) : LEAT_NEVER;
        if (scene.under_way[i])
                return;
        scene.calls[i] = leat_rpc_call_until(deadline, &scene.arena);
        int r = leat_rpc_start(scene.client, &program, (uint32_t)(i % 3), i % 3 ? &argument : NULL,
                               i % 3 ? &scene.results[i] : NULL, &scene.calls[i]);
        REQUIRE(r == 0);
        scene.under_way[i] = true;
}

static void cancel(size_t i) {
        if (!scene.under_way[i])
                return;
        int r = leat_rpc_cancel(scene.client, &scene.calls[i]);
        REQUIRE(r == 0 || r == -ENOENT);
        if (r == 0) {
                REQUIRE(scene.calls[i].error == -ECANCELED);
                check_over(i);
        }
}

static void go_on(void) {
        for (int n = 0; n < 4; n++) {
                struct leat_rpc_call *over = NULL;
                int r = leat_rpc_next(scene.client, LEAT_NOW, &over);
                REQUIRE(r == 0 || r == -EAGAIN || r == -ENOENT);
                if (r == 0)
                        check_over((size_t)(over - scene.calls));
        }
        hear();
        meet();
        hear();
}

static size_t act(const uint8_t *data, size_t size) {
        size_t which = data[0] / 8 % 16, more;
        switch (data[0] % 8) {
        case 0:
        case 1:
                begin(which % CALLS);
                return 1;
        case 2:
                cancel(which % CALLS);
                return 1;
        case 3:
                part();
                return 1;
        case 4:
        case 5:
                go_on();
                return 1;
        default:
                if (size < 2)
                        return 1;
                more = data[1] < size - 2 ? data[1] : size - 2;
                say(data + 2, more, (unsigned)which, data[0] % 8 == 6);
                go_on();
                return 2 + more;
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct leat_rpc_client_options options = LEAT_RPC_CLIENT_OPTIONS_INIT;
        struct sockaddr_un name;
        socklen_t name_size;
        char address[120];
        memset(&scene, 0, sizeof(scene));
        scene.fd = -1;
        listen_there(&name, &name_size);
        snprintf(address, sizeof(address), "unix:@%s", name.sun_path + 1);
        options.reply_bytes_max = 65536;
        options.back_off_first_ns = options.back_off_most_ns = 1000;
        REQUIRE(leat_rpc_connect(address, &options, leat_in_s(10), NULL, &scene.client) == 0);
        begin(1);
        go_on();
        for (size_t at = 0; at < size;)
                at += act(data + at, size - at);
        go_on();
        REQUIRE(!leat_rpc_client_free(scene.client));
        for (size_t i = 0; i < CALLS; i++)
                if (scene.under_way[i])
                        REQUIRE(scene.calls[i].error <= 0);
        leat_xdr_arena_free(&scene.arena);
        part();
        close(scene.listener);
        return 0;
}
