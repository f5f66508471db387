/* SPDX-License-Identifier: MIT */
/*
 * A server of remote calls: it keeps a directory, and answers what directory.x says that one may ask. leatgen(1) has made of that file the
 * functions' shape, and all that turns calls into bytes and back; what is left to write is what a directory does.
 * Run it: directory_serve unix:directory          the other end: directory_look_up unix:directory add ada person ada@example.org
 */
#include "directory.h"
#include "serving.h"

#include <errno.h>
#include <leat.h>
#include <stdio.h>
#include <string.h>

#define ENTRIES_MAX 1000

struct directory {
        struct directory_entry entries[ENTRIES_MAX];
        size_t count;
        struct leat_xdr_arena arena; /* what the entries point to */
};

static bool begins_with(const struct leat_xdr_string *name, const struct leat_xdr_string *beginning) {
        return name->size_bytes >= beginning->size_bytes &&
               (beginning->size_bytes == 0 || memcmp(name->text, beginning->text, beginning->size_bytes) == 0);
}

/* The arguments are gone when this returns: what is kept is copied. */
static int add(const struct leat_xdr_string *name, const struct directory_detail *detail, bool *ret_result,
               struct leat_rpc_request *request, void *userdata) {
        struct directory *directory = userdata;
        struct directory_entry given = { .name = *name, .detail = *detail, .next = NULL };
        int r;

        (void)request;
        for (size_t i = 0; i < directory->count; i++)
                if (directory->entries[i].name.size_bytes == name->size_bytes &&
                    begins_with(&directory->entries[i].name, name))
                        return 0; /* *ret_result is false */
        if (directory->count == ENTRIES_MAX)
                return -ENOSPC;
        r = leat_xdr_copy(directory_entry_type(), &given, &directory->arena, &directory->entries[directory->count]);
        if (r < 0)
                return r;
        directory->count++;
        *ret_result = true;
        return 0;
}

/* The result is a list: its links lie in the request's memory, and point to what the directory has. */
static int find(const struct leat_xdr_string *beginning, struct directory_entry **ret_result,
                struct leat_rpc_request *request, void *userdata) {
        const struct directory *directory = userdata;

        for (size_t i = directory->count; i > 0; i--) {
                const struct directory_entry *entry = &directory->entries[i - 1];
                struct directory_entry *link;
                if (!begins_with(&entry->name, beginning))
                        continue;
                link = leat_xdr_arena_take(leat_rpc_request_arena(request), sizeof(*link));
                if (!link)
                        return -ENOMEM;
                *link = *entry;
                link->next = *ret_result;
                *ret_result = link;
        }
        return 0;
}

static int serve(const char *address, struct leat_reason *reason) {
        static const struct directory_1_functions functions = { .add = add, .find = find };
        static struct directory directory;
        struct leat_rpc_server *server;
        int r = leat_rpc_server_create(NULL, &server);

        if (r < 0)
                return r;
        r = leat_rpc_server_add(server, directory_1_server(&functions, &directory));
        if (r == 0)
                r = leat_rpc_server_listen(server, address, leat_in_s(5), reason);
        if (r == 0) {
                serving_tell(server);
                r = leat_rpc_server_run(server, LEAT_NEVER);
        }
        leat_rpc_server_free(server);
        leat_xdr_arena_free(&directory.arena);
        return r;
}

int main(int argc, char **argv) {
        const char *address = argc > 1 ? argv[1] : "unix:directory";
        struct leat_reason reason = { 0 };
        int r = serving_refuse(argc, argv, 0, 1, "[ADDRESS]; unix:directory if there is none");

        if (r >= 0)
                return r;
        r = serve(address, &reason);
        fprintf(stderr, "%s: %s\n", address, reason.text ? reason.text : leat_strerror(r));
        return 1;
}
