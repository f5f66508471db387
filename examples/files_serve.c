/* SPDX-License-Identifier: MIT */
/*
 * A file service (files.x, files_call.c): the files of one folder, for everybody who can connect. A name comes from a stranger, and it is the kernel that keeps it inside of the
 * folder (openat2 with RESOLVE_BENEATH): "..", "/etc/passwd" and links that lead elsewhere are no names here, whatever else they look like. What a call does takes as
 * long as the disk takes, so there are threads for it. SIGTERM lets it carry out what has come, and end; systemd may hand it its
 * socket (docs/rpc.md has the two unit files).
 * Run it: files_serve FOLDER &            the other end: files_call list
 */
#include "files.h"
#include "serving.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <leat.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct leat_rpc_server *server;

static enum files_status status_of(int error) {
        switch (error) {
        case ENOENT:
        case ENOTDIR:
                return FILES_NO_SUCH_FILE;
        case EISDIR:
        case ENXIO: /* a fifo */
                return FILES_NO_FILE;
        case EACCES:
        case EPERM:
        case EROFS:
                return FILES_NOT_ALLOWED;
        case EEXIST:
                return FILES_THERE_ALREADY;
        case ENOSPC:
        case EDQUOT:
        case EFBIG:
                return FILES_NO_SPACE;
        case EXDEV: /* it would have led out of the folder */
        case ELOOP:
        case ENAMETOOLONG:
                return FILES_NO_SUCH_NAME;
        default:
                return FILES_FAILED;
        }
}

/* Of a file in the folder, and of nothing else; O_NONBLOCK: a fifo in its place holds up nobody. */
static enum files_status open_file(const int *folder, const files_name *name, uint64_t flags, int *ret_fd) {
        struct open_how how = { .flags = flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
                                .mode = flags & O_CREAT ? 0644 : 0,
                                .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };
        struct stat about;
        int fd = (int)syscall(SYS_openat2, *folder, name->text, &how, sizeof how);

        if (fd < 0)
                return status_of(errno);
        if (fstat(fd, &about) < 0 || !S_ISREG(about.st_mode)) {
                close(fd);
                return FILES_NO_FILE;
        }
        *ret_fd = fd;
        return FILES_DONE;
}

/* ---- list ---- */

struct found {
        char *name;
        uint64_t size_bytes;
};

static int by_name(const void *one, const void *other) {
        return strcmp(((const struct found *)one)->name, ((const struct found *)other)->name);
}

/* Its name goes among the least ones that were found; of those there are at most one more than a page has. */
static int enter(struct found *found, uint32_t *count, const char *name, uint64_t size_bytes,
                 struct leat_xdr_arena *arena) {
        struct found *last;

        if (*count <= FILES_ENTRIES_MOST) {
                last = &found[(*count)++];
                last->name = leat_xdr_arena_take(arena, FILES_NAME_LONGEST + 1);
                if (!last->name)
                        return -ENOMEM;
        } else { /* the page and one more: the greatest goes */
                last = &found[FILES_ENTRIES_MOST];
                if (strcmp(name, last->name) >= 0)
                        return 0;
        }
        snprintf(last->name, FILES_NAME_LONGEST + 1, "%s", name);
        last->size_bytes = size_bytes;
        qsort(found, *count, sizeof *found, by_name);
        return 0;
}

/* One pass over the folder, whatever it holds. */
static int look_through(DIR *folder, const char *after, struct found *found, uint32_t *count,
                        struct leat_xdr_arena *arena) {
        const struct dirent *entry;
        struct stat about;
        int r = 0;

        while (r == 0 && (entry = readdir(folder)) != NULL)
                if (strcmp(entry->d_name, after) > 0 && strlen(entry->d_name) <= FILES_NAME_LONGEST &&
                    fstatat(dirfd(folder), entry->d_name, &about, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(about.st_mode))
                        r = enter(found, count, entry->d_name, (uint64_t)about.st_size, arena);
        return r;
}

static int list(const files_name *after, struct files_listing *ret_result, struct leat_rpc_request *request,
                void *userdata) {
        const int *folder = userdata;
        struct leat_xdr_arena *arena = leat_rpc_request_arena(request);
        struct files_page *page = &ret_result->u.page;
        struct found found[FILES_ENTRIES_MOST + 1];
        uint32_t count = 0;
        int fd = openat(*folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;
        DIR *open = fd < 0 ? NULL : fdopendir(fd);

        if (!open) {
                ret_result->status = FILES_FAILED;
                return fd < 0 ? 0 : close(fd);
        }
        r = look_through(open, after->text, found, &count, arena);
        closedir(open);
        page->more = count > FILES_ENTRIES_MOST;
        page->entries.count = page->more ? FILES_ENTRIES_MOST : count;
        page->entries.items = leat_xdr_arena_take(arena, (count + 1) * sizeof(struct files_entry));
        if (r < 0 || !page->entries.items)
                return -ENOMEM;
        for (uint32_t i = 0; i < page->entries.count; i++)
                page->entries.items[i] =
                        (struct files_entry){ { found[i].name, (uint32_t)strlen(found[i].name) }, found[i].size_bytes };
        ret_result->status = FILES_DONE;
        return 0;
}

/* ---- read and write ---- */

static int read_piece(const files_name *name, uint64_t offset, struct files_reading *ret_result,
                      struct leat_rpc_request *request, void *userdata) {
        struct files_piece *piece = &ret_result->u.piece;
        uint8_t *bytes = leat_xdr_arena_take(leat_rpc_request_arena(request), FILES_PIECE_LARGEST);
        ssize_t n;
        int fd;

        if (!bytes)
                return -ENOMEM;
        ret_result->status = offset > INT64_MAX ? FILES_FAILED : open_file(userdata, name, O_RDONLY, &fd);
        if (ret_result->status != FILES_DONE)
                return 0;
        n = pread(fd, bytes, FILES_PIECE_LARGEST, (off_t)offset);
        if (n < 0)
                ret_result->status = status_of(errno);
        else
                *piece = (struct files_piece){ { bytes, (uint32_t)n }, n == 0 };
        close(fd);
        return 0;
}

static int create(const files_name *name, enum files_status *ret_result, struct leat_rpc_request *request,
                  void *userdata) {
        int fd;

        (void)request;
        *ret_result = open_file(userdata, name, O_WRONLY | O_CREAT | O_EXCL, &fd);
        if (*ret_result == FILES_DONE)
                close(fd);
        return 0;
}

static int write_piece(const files_name *name, uint64_t offset, const files_bytes *bytes, enum files_status *ret_result,
                       struct leat_rpc_request *request, void *userdata) {
        uint32_t written = 0;
        int fd;

        (void)request;
        *ret_result =
                offset > INT64_MAX - FILES_PIECE_LARGEST ? FILES_NO_SPACE : open_file(userdata, name, O_WRONLY, &fd);
        if (*ret_result != FILES_DONE)
                return 0;
        while (written < bytes->size_bytes && *ret_result == FILES_DONE) {
                ssize_t n = pwrite(fd, (const uint8_t *)bytes->bytes + written, bytes->size_bytes - written,
                                   (off_t)(offset + written));
                if (n < 0)
                        *ret_result = status_of(errno);
                else
                        written += (uint32_t)n;
        }
        close(fd);
        return 0;
}

/* ---- life ---- */

static void end(int signal) {
        (void)signal;
        leat_rpc_server_drain(server);
}

/* systemd's sockets, if there are any; else it listens by itself. */
static int listen_somewhere(const char *address, struct leat_reason *reason) {
        int r = leat_rpc_server_adopt_inherited(server);
        return r == 0 ? leat_rpc_server_listen(server, address, leat_in_s(5), reason) : r;
}

static int serve(const char *address, int *folder) {
        static const struct files_1_functions functions = {
                .list = list, .read = read_piece, .create = create, .write = write_piece
        };
        struct leat_rpc_server_options options = LEAT_RPC_SERVER_OPTIONS_INIT;
        struct leat_reason reason = { 0 };
        int r;

        options.threads = 4;
        r = leat_rpc_server_create(&options, &server);
        if (r == 0)
                r = leat_rpc_server_add(server, files_1_server(&functions, folder));
        if (r == 0)
                r = listen_somewhere(address, &reason);
        if (r >= 0) {
                signal(SIGTERM, end);
                serving_tell(server);
                r = leat_rpc_server_run(server, LEAT_NEVER);
                signal(SIGTERM, SIG_DFL);
        }
        server = leat_rpc_server_free(server);
        if (r != -ENODATA) /* it was drained */
                fprintf(stderr, "%s: %s\n", address, reason.text ? reason.text : leat_strerror(r));
        return r == -ENODATA ? 0 : 1;
}

int main(int argc, char **argv) {
        int folder, r = serving_refuse(argc, argv, 1, 2, "FOLDER [ADDRESS]; unix:@files if there is none");

        if (r >= 0)
                return r;
        folder = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (folder < 0)
                return perror(argv[1]), 1;
        r = serve(argc > 2 ? argv[2] : "unix:@files", &folder);
        close(folder);
        return r;
}
