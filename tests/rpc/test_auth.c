/* SPDX-License-Identifier: MIT */
#include "bytes.h"
#include "fake_source.h"
#include "rpc/rpc_auth.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* AUTH_SYS, and who may call. */

static int decode(const uint8_t *bytes, size_t size, struct leat_rpc_auth_sys *auth) {
        uint8_t *copy = exact(bytes, size);
        int r = rpc_auth_sys_decode(copy, size, auth);
        free(copy);
        return r;
}

static void check_same(const struct leat_rpc_auth_sys *one, const struct leat_rpc_auth_sys *other) {
        CHECK_EQ(one->stamp, other->stamp);
        CHECK_EQ(one->uid, other->uid);
        CHECK_EQ(one->gid, other->gid);
        CHECK_EQ(one->groups_count, other->groups_count);
        CHECK_MEM(one->groups, other->groups, one->groups_count * sizeof(one->groups[0]));
        CHECK_STR(one->machine, other->machine);
}

static struct leat_rpc_auth_sys random_auth(void) {
        struct leat_rpc_auth_sys auth = { .stamp = (uint32_t)harness_random(),
                                          .uid = (uint32_t)harness_random(),
                                          .gid = (uint32_t)harness_random() };
        auth.groups_count = (uint32_t)harness_random_below(LEAT_RPC_GROUPS_MAX + 1);
        for (uint32_t i = 0; i < auth.groups_count; i++)
                auth.groups[i] = (uint32_t)harness_random();
        memset(auth.machine, 'm', harness_random_below(LEAT_RPC_MACHINE_MAX + 1));
        return auth;
}

/* RFC 5531, appendix A, by hand. */
TEST(bytes_are_those_of_the_standard) {
        static const uint8_t expected[] = { 0, 0,   0, 9, 0, 0,   0, 5, 'h', 'o', 's', 't', 's', 0, 0, 0, 0, 0,
                                            3, 232, 0, 0, 0, 100, 0, 0, 0,   2,   0,   0,   0,   4, 0, 0, 0, 24 };
        const struct leat_rpc_auth_sys auth = {
                .stamp = 9, .uid = 1000, .gid = 100, .groups_count = 2, .groups = { 4, 24 }, .machine = "hosts"
        };
        uint8_t bytes[RPC_AUTH_BYTES];
        CHECK_EQ(rpc_auth_sys_encode(&auth, bytes), sizeof(expected));
        CHECK_MEM(bytes, expected, sizeof(expected));
}

TEST(random_credentials_come_back) {
        for (uint64_t i = harness_how_many(200, 2000, 20000); i > 0; i--) {
                struct leat_rpc_auth_sys auth = random_auth(), back;
                uint8_t bytes[RPC_AUTH_BYTES];
                uint32_t size = rpc_auth_sys_encode(&auth, bytes);
                CHECK(size <= RPC_AUTH_BYTES);
                CHECK_EQ(decode(bytes, size, &back), 0);
                check_same(&auth, &back);
        }
}

TEST(every_truncation_is_refused) {
        struct leat_rpc_auth_sys auth = random_auth(), back = { .uid = 77 };
        uint8_t bytes[RPC_AUTH_BYTES + 4] = { 0 };
        uint32_t size = rpc_auth_sys_encode(&auth, bytes);
        for (uint32_t cut = 0; cut < size; cut++)
                CHECK_EQ(decode(bytes, cut, &back), -EBADMSG);
        CHECK_EQ(decode(bytes, size + 4, &back), -EBADMSG);
        CHECK_EQ(back.uid, 77);
        CHECK_EQ(decode(bytes, size, &back), 0);
}

/* A length of the machine's name, a number of groups, padding, a NUL. */
TEST(limits_of_a_credential) {
        uint8_t bytes[RPC_AUTH_BYTES] = { 0 };
        struct leat_rpc_auth_sys auth;
        leat_xdr_put_32(bytes + 4, LEAT_RPC_MACHINE_MAX + 1);
        memset(bytes + 8, 'm', 256);
        CHECK_EQ(decode(bytes, 8 + 256 + 12, &auth), -EBADMSG);
        leat_xdr_put_32(bytes + 4, LEAT_RPC_MACHINE_MAX);
        CHECK_EQ(decode(bytes, 8 + 256 + 12, &auth), -EBADMSG); /* its padding is no NUL */
        bytes[8 + 255] = 0;
        CHECK_EQ(decode(bytes, 8 + 256 + 12, &auth), 0);
        CHECK_EQ(strlen(auth.machine), LEAT_RPC_MACHINE_MAX);
        bytes[8 + 100] = 0;
        CHECK_EQ(decode(bytes, 8 + 256 + 12, &auth), -EBADMSG);
        memset(bytes, 0, sizeof(bytes));
        for (uint32_t groups = 0; groups <= LEAT_RPC_GROUPS_MAX + 1; groups++) {
                leat_xdr_put_32(bytes + 16, groups);
                CHECK_EQ(decode(bytes, 20 + 4 * (size_t)groups, &auth), groups <= LEAT_RPC_GROUPS_MAX ? 0 : -EBADMSG);
        }
        static const uint32_t hostile[] = { 17, 0x3fffffff, 0x40000000, 0x80000000, UINT32_MAX };
        for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
                leat_xdr_put_32(bytes + 16, hostile[i]);
                CHECK_EQ(decode(bytes, 20, &auth), -EBADMSG);
                leat_xdr_put_32(bytes + 16, 0);
                leat_xdr_put_32(bytes + 4, hostile[i]);
                CHECK_EQ(decode(bytes, 20, &auth), -EBADMSG);
                leat_xdr_put_32(bytes + 4, 0);
        }
}

TEST(what_does_not_fit_is_left_out) {
        struct leat_rpc_auth_sys auth = { .groups_count = 1000 }, back;
        uint8_t bytes[RPC_AUTH_BYTES];
        memset(auth.machine, 'm', sizeof(auth.machine)); /* without a NUL */
        CHECK_EQ(decode(bytes, rpc_auth_sys_encode(&auth, bytes), &back), 0);
        CHECK_EQ(back.groups_count, LEAT_RPC_GROUPS_MAX);
        CHECK_EQ(strlen(back.machine), LEAT_RPC_MACHINE_MAX);
}

TEST(own_credential) {
        struct leat_rpc_auth_sys auth;
        char host[512] = { 0 };
        leat_rpc_auth_sys_own(&auth);
        CHECK_EQ(auth.uid, geteuid());
        CHECK_EQ(auth.gid, getegid());
        CHECK(auth.groups_count <= LEAT_RPC_GROUPS_MAX);
        CHECK_EQ(gethostname(host, sizeof(host) - 1), 0);
        CHECK(strncmp(auth.machine, host, LEAT_RPC_MACHINE_MAX) == 0);
        leat_rpc_auth_sys_own(NULL);
}

/* ---- a server ---- */

static struct fake_work work;

/* A call with a number as its argument. */
static void give(struct fake *fake, const struct rpc_call *call) {
        struct leat_xdr_buffer buffer = { 0 };
        CHECK_EQ(rpc_call_encode(call, &buffer), 0);
        put_word(&buffer, 1);
        fake_give(fake, buffer.bytes, buffer.size_bytes);
        leat_xdr_buffer_free(&buffer);
}

/* A call of ADD with this credential. */
static enum leat_rpc_status call_as(struct fake *fake, struct rpc_auth credential, uint32_t *ret_why) {
        struct rpc_reply header = { 0 };
        give(fake, &(struct rpc_call){ 7, FAKE_PROGRAM, 1, 1, credential, { 0 } });
        CHECK(rpc_reply_decode(fake->reply, fake->reply_bytes, &header) > 0);
        *ret_why = header.low;
        CHECK(header.status > LEAT_RPC_SYSTEM_ERROR || header.verifier.flavor == RPC_AUTH_NONE);
        return header.status;
}

TEST(flavors_that_are_taken) {
        struct leat_rpc_server *server = fake_server(NULL, &work);
        struct leat_rpc_auth_sys auth = random_auth();
        struct fake fake;
        uint8_t bytes[RPC_AUTH_BYTES];
        uint32_t why;
        fake_init(&fake, server, &fake_plain, 0x7f000001, 0);
        CHECK_EQ(call_as(&fake, (struct rpc_auth){ 0 }, &why), LEAT_RPC_SUCCESS);
        CHECK_EQ(work.caller.flavor, RPC_AUTH_NONE);
        CHECK_STR(work.caller.address, "fake:0");
        struct rpc_auth credential = { RPC_AUTH_SYS, rpc_auth_sys_encode(&auth, bytes), bytes };
        CHECK_EQ(call_as(&fake, credential, &why), LEAT_RPC_SUCCESS);
        CHECK_EQ(work.caller.flavor, RPC_AUTH_SYS);
        check_same(&work.caller.auth_sys, &auth);
        CHECK_EQ(work.ran, 2);
        fake_end(&fake);
        leat_rpc_server_free(server);
}

TEST(flavors_that_are_refused) {
        struct leat_rpc_server *server = fake_server(NULL, &work);
        struct fake fake;
        uint8_t bytes[RPC_AUTH_BYTES] = { 0 };
        uint32_t why;
        fake_init(&fake, server, &fake_plain, 0x7f000001, 0);
        static const uint32_t flavors[] = { 2, 3, 6, 7, 300001, UINT32_MAX };
        for (size_t i = 0; i < sizeof(flavors) / sizeof(flavors[0]); i++)
                for (uint32_t size = 0; size <= RPC_AUTH_BYTES; size += 100) {
                        struct rpc_auth credential = { flavors[i], size, bytes };
                        CHECK_EQ(call_as(&fake, credential, &why), LEAT_RPC_AUTH_ERROR);
                        CHECK_EQ(why, RPC_AUTH_REJECTEDCRED);
                }
        struct rpc_auth broken = { RPC_AUTH_SYS, 16, bytes };
        CHECK_EQ(call_as(&fake, broken, &why), LEAT_RPC_AUTH_ERROR);
        CHECK_EQ(why, RPC_AUTH_BADCRED);
        CHECK_EQ(work.ran, 0);
        fake_end(&fake);
        leat_rpc_server_free(server);
}

/* The message of a call that is answered later is gone; its credential is not. */
TEST(caller_of_a_call_that_is_answered_later) {
        struct leat_rpc_server *server = fake_server(NULL, &work);
        struct leat_rpc_auth_sys auth = random_auth();
        struct fake fake;
        uint8_t bytes[RPC_AUTH_BYTES];
        fake_init(&fake, server, &fake_plain, 0x7f000001, 0);
        const struct rpc_call call = {
                7, FAKE_PROGRAM, 1, 2, { RPC_AUTH_SYS, rpc_auth_sys_encode(&auth, bytes), bytes }, { 0 }
        };
        give(&fake, &call);
        struct leat_rpc_caller caller = { .size = sizeof(caller) };
        CHECK_EQ(leat_rpc_request_caller(work.request, &caller), 0);
        check_same(&caller.auth_sys, &auth);
        caller.size = 0;
        CHECK_EQ(leat_rpc_request_caller(work.request, &caller), -EINVAL);
        CHECK_EQ(leat_rpc_request_caller(work.request, NULL), -EINVAL);
        CHECK_EQ(leat_rpc_request_answer(work.request, 0), 0);
        fake_end(&fake);
        leat_rpc_server_free(server);
}

TEST_MAIN()
