/* SPDX-License-Identifier: MIT */
/*
 * A client of remote calls (directory_serve.c, directory.x): it adds an entry, or prints those whose name begins so. A call is a call of a function;
 * when it fails it says whether the procedure ran, did not, or nobody knows.
 * Run it: directory_look_up unix:directory add ada person ada@example.org
 *         directory_look_up unix:directory add hall room 300
 *         directory_look_up unix:directory find a
 */
#include "directory.h"

#include <errno.h>
#include <leat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct leat_xdr_string text_of(const char *text) {
        struct leat_xdr_string string = { text, (uint32_t)strlen(text) };
        return string;
}

static int add(struct leat_rpc_client *client, char **words, struct leat_rpc_call *call) {
        struct leat_xdr_string name = text_of(words[0]);
        struct directory_detail detail = { .kind = DIRECTORY_PERSON };
        bool added;
        int r;

        if (strcmp(words[1], "room") == 0) {
                detail.kind = DIRECTORY_ROOM;
                detail.u.seats = (uint32_t)strtoul(words[2], NULL, 10);
        } else {
                detail.u.mail = text_of(words[2]);
        }
        r = directory_add_1(client, &name, &detail, &added, call);
        if (r == 0)
                puts(added ? "added" : "it is there already");
        return r;
}

static int find(struct leat_rpc_client *client, const char *beginning, struct leat_rpc_call *call) {
        struct leat_xdr_string name = text_of(beginning);
        struct directory_entry *entries;
        int r = directory_find_1(client, &name, &entries, call);

        for (const struct directory_entry *entry = r == 0 ? entries : NULL; entry; entry = entry->next) {
                if (entry->detail.kind == DIRECTORY_ROOM)
                        printf("%s: %u seats\n", entry->name.text, (unsigned)entry->detail.u.seats);
                else
                        printf("%s: %s\n", entry->name.text, entry->detail.u.mail.text);
        }
        return r;
}

static int call_it(struct leat_rpc_client *client, int count, char **words) {
        static const char *const ran[] = { "it did not run", "it ran", "whether it ran is not known" };
        struct leat_xdr_arena arena = { 0 };
        struct leat_rpc_call call = leat_rpc_call_until(leat_in_s(60), &arena);
        int r = count == 4 ? add(client, words + 1, &call) : find(client, words[1], &call);

        if (r < 0)
                fprintf(stderr, "%s: %s; %s\n", words[0],
                        r == -EPROTO ? leat_rpc_status_text(call.status) : leat_strerror(r), ran[call.ran]);
        leat_xdr_arena_free(&arena);
        return r;
}

int main(int argc, char **argv) {
        struct leat_reason reason = { 0 };
        struct leat_rpc_client *client;
        int r;

        if (!(argc == 6 && strcmp(argv[2], "add") == 0) && !(argc == 4 && strcmp(argv[2], "find") == 0)) {
                fprintf(stderr, "usage: %s ADDRESS add NAME person MAIL | add NAME room SEATS | find NAME\n", argv[0]);
                return 2;
        }
        r = leat_rpc_connect(argv[1], NULL, leat_in_s(60), &reason, &client);
        if (r < 0) {
                fprintf(stderr, "%s: %s\n", argv[1], reason.text ? reason.text : leat_strerror(r));
                return 1;
        }
        r = call_it(client, argc - 2, argv + 2);
        leat_rpc_client_free(client);
        return r < 0;
}
