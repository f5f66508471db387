/* SPDX-License-Identifier: MIT */
/*
 * A voltmeter in a network (instrument.x): programs of laboratories find it by rpcbind, make a link, write commands and read answers: *IDN?, *RST, *OPC?,
 * MEASURE:VOLTAGE?. A reader who has asked nothing is told at once that nothing came in time.
 * Run it: instrument_serve tcp:*:0 register     with a rpcbind on this host (rpcbind_serve.c is one)
 *         instrument_serve tcp::4880            for those who are told the port       the other end: instrument_ask tcp::4880 '*IDN?'
 */
#include "instrument.h"
#include "serving.h"

#include <errno.h>
#include <leat.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define MAKER "Leat,Example Voltmeter,0,1.0\n"
#define MESSAGE_MOST 1024
#define MESSAGE_WAITS 16 /* a bit of the status byte: there is something to read */

/* A client's link: what it has written so far, and what of the answer it has not read yet. */
static struct link {
        int32_t id; /* 0: none */
        uint64_t used;
        char command[MESSAGE_MOST];
        size_t command_bytes;
        char answer[64];
        size_t begin, end;
} links[16];

static struct link *link_of(int32_t id) {
        static uint64_t now;

        for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
                if (links[i].id == id && id != 0) {
                        links[i].used = ++now;
                        return &links[i];
                }
        return NULL;
}

/* Clients go without a word: if all links are taken, it is that which was not used for longest. */
static int create_link(const struct instrument_link_wish *wish, struct instrument_link *ret_result,
                       struct leat_rpc_request *request, void *userdata) {
        static int32_t last;
        struct link *oldest = &links[0];

        (void)wish, (void)request, (void)userdata;
        for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
                if (links[i].used < oldest->used)
                        oldest = &links[i];
        last = last == INT32_MAX ? 1 : last + 1;
        *oldest = (struct link){ .id = last };
        *ret_result = (struct instrument_link){ .id = link_of(last)->id, .most_bytes = MESSAGE_MOST };
        return 0;
}

static void carry_out(struct link *link) {
        const char *answer = "";

        while (link->command_bytes > 0 && strchr("\r\n ", link->command[link->command_bytes - 1]))
                link->command_bytes--;
        link->command[link->command_bytes] = '\0';
        if (strcasecmp(link->command, "*IDN?") == 0)
                answer = MAKER;
        else if (strcasecmp(link->command, "*OPC?") == 0)
                answer = "1\n";
        else if (strcasecmp(link->command, "MEASURE:VOLTAGE?") == 0)
                answer = "1.018\n"; /* a cell of Weston */
        strcpy(link->answer, answer);
        link->begin = 0;
        link->end = strlen(answer);
        link->command_bytes = 0;
}

static int write_message(const struct instrument_message *message, struct instrument_written *ret_result,
                         struct leat_rpc_request *request, void *userdata) {
        struct link *link = link_of(message->link);

        (void)request, (void)userdata;
        if (!link || message->data.size_bytes >= MESSAGE_MOST - link->command_bytes) {
                ret_result->error = link ? INSTRUMENT_OUT_OF_RESOURCES : INSTRUMENT_INVALID_LINK;
                return 0;
        }
        if (message->data.size_bytes > 0)
                memcpy(link->command + link->command_bytes, message->data.bytes, message->data.size_bytes);
        link->command_bytes += message->data.size_bytes;
        ret_result->size = message->data.size_bytes;
        if (message->flags & INSTRUMENT_FLAG_END)
                carry_out(link);
        return 0;
}

static int read_answer(const struct instrument_read_wish *wish, struct instrument_answer *ret_result,
                       struct leat_rpc_request *request, void *userdata) {
        struct link *link = link_of(wish->link);
        const char *from, *term = NULL;
        size_t size;

        (void)request, (void)userdata;
        if (!link || link->begin == link->end) {
                ret_result->error = link ? INSTRUMENT_TIME_OUT : INSTRUMENT_INVALID_LINK;
                return 0;
        }
        from = link->answer + link->begin;
        size = link->end - link->begin;
        if (wish->flags & INSTRUMENT_FLAG_TERMINATOR && (term = memchr(from, wish->term_char & 255, size)) != NULL)
                size = (size_t)(term - from) + 1;
        if (size > wish->size)
                size = wish->size;
        link->begin += size;
        ret_result->data =
                (struct leat_xdr_bytes){ from, (uint32_t)size }; /* kept in the link until its next command */
        ret_result->reason = (size == wish->size ? INSTRUMENT_REASON_COUNT : 0) |
                             (term && size == (size_t)(term - from) + 1 ? INSTRUMENT_REASON_CHAR : 0) |
                             (link->begin == link->end ? INSTRUMENT_REASON_END : 0);
        return 0;
}

static int read_status(const struct instrument_order *order, struct instrument_status *ret_result,
                       struct leat_rpc_request *request, void *userdata) {
        const struct link *link = link_of(order->link);

        (void)request, (void)userdata;
        ret_result->error = link ? INSTRUMENT_NO_ERROR : INSTRUMENT_INVALID_LINK;
        ret_result->byte = link && link->begin < link->end ? MESSAGE_WAITS : 0;
        return 0;
}

static int clear(const struct instrument_order *order, struct instrument_done *ret_result,
                 struct leat_rpc_request *request, void *userdata) {
        struct link *link = link_of(order->link);

        (void)request, (void)userdata;
        if (link)
                link->command_bytes = link->begin = link->end = 0;
        ret_result->error = link ? INSTRUMENT_NO_ERROR : INSTRUMENT_INVALID_LINK;
        return 0;
}

static int destroy_link(int32_t id, struct instrument_done *ret_result, struct leat_rpc_request *request,
                        void *userdata) {
        struct link *link = link_of(id);

        (void)request, (void)userdata;
        if (link)
                *link = (struct link){ .id = 0 };
        ret_result->error = link ? INSTRUMENT_NO_ERROR : INSTRUMENT_INVALID_LINK;
        return 0;
}

static int nothing(struct leat_rpc_request *request, void *userdata) {
        (void)request, (void)userdata;
        return 0;
}

int main(int argc, char **argv) {
        static const struct instrument_1_functions functions = { nothing,     create_link, write_message, read_answer,
                                                                 read_status, clear,       destroy_link };
        struct leat_rpc_server *server = NULL;
        struct leat_reason reason = { .text = NULL };
        int r = serving_refuse(argc, argv, 0, argc > 2 && strcmp(argv[2], "register") != 0 ? 1 : 2,
                               "[ADDRESS [register]]; tcp:*:0 if there is none; register: with rpcbind of this host");

        if (r >= 0)
                return r;
        r = leat_rpc_server_create(NULL, &server);
        if (r == 0)
                r = leat_rpc_server_add(server, instrument_1_server(&functions, NULL));
        if (r == 0)
                r = leat_rpc_server_listen(server, argc > 1 ? argv[1] : "tcp:*:0", leat_in_s(5), &reason);
        if (r == 0 && argc > 2)
                r = leat_rpcbind_register(NULL, server, LEAT_RPCBIND_REPLACE, leat_in_s(5), &reason);
        if (r >= 0) {
                serving_tell(server);
                r = leat_rpc_server_run(server, LEAT_NEVER);
        }
        fprintf(stderr, "instrument_serve: %s%s%s\n", leat_strerror(r), reason.text ? ": " : "",
                reason.text ? reason.text : "");
        leat_rpc_server_free(server);
        return 1;
}
