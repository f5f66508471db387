/* SPDX-License-Identifier: MIT */
/*
 * A client of the file service (files.x, files_serve.c). A file comes and goes in pieces, a call each. While a server is started anew, reading and writing go on where they were: what
 * is marked idempotent is tried again by itself, to the deadline.
 * Run it: files_call list                 files_call get NAME >copy            files_call put NAME <file [ADDRESS]
 */
#include "files.h"

#include <errno.h>
#include <leat.h>
#include <stdio.h>
#include <string.h>

static const char *const said[] = {
        [FILES_NO_SUCH_FILE] = "there is no such file", [FILES_NO_FILE] = "it is no file",
        [FILES_NOT_ALLOWED] = "that is not allowed",    [FILES_THERE_ALREADY] = "it is there already",
        [FILES_NO_SPACE] = "there is no room for it",   [FILES_NO_SUCH_NAME] = "that is no name in the folder",
        [FILES_FAILED] = "the server could not do it",
};

/* What all three are given. */
struct work {
        struct leat_rpc_client *client;
        struct leat_rpc_call call;
        files_name name;
};

/* The call was carried out: what of it? Returns 1 if the work is to end. */
static int refused(const struct work *work, enum files_status status) {
        if (status != FILES_DONE)
                fprintf(stderr, "%s: %s\n", work->name.text, said[status]);
        return status != FILES_DONE;
}

/* Names are strangers' too: what a terminal would obey is not printed. */
static void print_entry(const struct files_entry *entry) {
        printf("%10llu ", (unsigned long long)entry->size_bytes);
        for (uint32_t i = 0; i < entry->name.size_bytes; i++)
                putchar((unsigned char)entry->name.text[i] < ' ' || entry->name.text[i] == 127 ? '?'
                                                                                               : entry->name.text[i]);
        putchar('\n');
}

static int list(struct work *work) {
        struct files_listing listing;
        char after[FILES_NAME_LONGEST + 1] = ""; /* what the server has told lies in the arena, and goes with it */
        int r;

        do {
                files_name name = { after, (uint32_t)strlen(after) };
                leat_xdr_arena_reset(work->call.arena);
                r = files_list_1(work->client, &name, &listing, &work->call);
                if (r < 0 || refused(work, listing.status))
                        return r < 0 ? r : 1;
                for (uint32_t i = 0; i < listing.u.page.entries.count; i++)
                        print_entry(&listing.u.page.entries.items[i]);
                if (listing.u.page.entries.count == 0)
                        break;
                snprintf(after, sizeof after, "%s",
                         listing.u.page.entries.items[listing.u.page.entries.count - 1].name.text);
        } while (listing.u.page.more);
        return 0;
}

static int get(struct work *work) {
        struct files_reading reading;
        uint64_t offset = 0;
        int r;

        do {
                leat_xdr_arena_reset(work->call.arena);
                r = files_read_1(work->client, &work->name, offset, &reading, &work->call);
                if (r < 0 || refused(work, reading.status))
                        return r < 0 ? r : 1;
                if (fwrite(reading.u.piece.bytes.bytes, 1, reading.u.piece.bytes.size_bytes, stdout) !=
                    reading.u.piece.bytes.size_bytes)
                        return perror("stdout"), 1;
                offset += reading.u.piece.bytes.size_bytes;
        } while (!reading.u.piece.end);
        return 0;
}

static int put(struct work *work) {
        static uint8_t bytes[FILES_PIECE_LARGEST];
        enum files_status status;
        uint64_t offset = 0;
        size_t n;
        int r = files_create_1(work->client, &work->name, &status, &work->call);

        if (r < 0 || refused(work, status))
                return r < 0 ? r : 1;
        while ((n = fread(bytes, 1, sizeof bytes, stdin)) > 0) {
                files_bytes piece = { bytes, (uint32_t)n };
                r = files_write_1(work->client, &work->name, offset, &piece, &status, &work->call);
                if (r < 0 || refused(work, status))
                        return r < 0 ? r : 1;
                offset += n;
        }
        return ferror(stdin) ? perror("stdin"), 1 : 0;
}

static int connect_and(int (*what)(struct work *work), const char *name, const char *address) {
        static const char *const ran[] = { "it did not run", "it ran", "whether it ran is not known" };
        struct leat_xdr_arena arena = { 0 };
        struct work work = { .call = leat_rpc_call_until(LEAT_RPC_TIMEOUT, &arena),
                             .name = { name, (uint32_t)strlen(name) } };
        struct leat_reason reason = { 0 };
        int r = leat_rpc_connect(address, NULL, leat_in_s(5), &reason, &work.client);

        if (r < 0) {
                fprintf(stderr, "%s: %s\n", address, reason.text ? reason.text : leat_strerror(r));
                return 1;
        }
        r = what(&work);
        if (r < 0)
                fprintf(stderr, "%s: %s; %s\n", name,
                        r == -EPROTO ? leat_rpc_status_text(work.call.status) : leat_strerror(r), ran[work.call.ran]);
        leat_rpc_client_free(work.client);
        leat_xdr_arena_free(&arena);
        return r != 0 || fflush(stdout) != 0;
}

int main(int argc, char **argv) {
        static const struct {
                const char *word;
                int (*what)(struct work *work);
                int words;
        } all[] = { { "list", list, 1 }, { "get", get, 2 }, { "put", put, 2 } };

        for (size_t i = 0; argc > 1 && i < sizeof all / sizeof all[0]; i++) {
                int words = all[i].words;
                if (strcmp(argv[1], all[i].word) == 0 && (argc == words + 1 || argc == words + 2))
                        return connect_and(all[i].what, words > 1 ? argv[2] : "",
                                           argc == words + 2 ? argv[words + 1] : "unix:@files");
        }
        fprintf(stderr, "usage: %s list|get NAME|put NAME [ADDRESS]\n", argv[0]);
        return 2;
}
