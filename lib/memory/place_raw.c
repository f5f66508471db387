/* SPDX-License-Identifier: MIT */

/* Segments, objects and files as they are: whatever program made them, and without a header. */

#include "base/cleanup.h"
#include "base/error.h"
#include "memory/limits.h"
#include "memory/place_kinds.h"
#include "memory/populate.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/types.h>

/* Which part, of so many bytes? */
static int choose(const struct memory_raw *raw, uint64_t has, struct leat_reason *reason, uint64_t *ret_length) {
        uint64_t length = raw->length ? raw->length : has > raw->offset ? has - raw->offset : 0, wanted;
        if (length < raw->size_bytes && !raw->length)
                length = raw->size_bytes;
        bool behind = __builtin_add_overflow(raw->offset, length, &wanted) || wanted > has;
        if (!behind && length > 0 && length >= raw->size_bytes) {
                *ret_length = length;
                return 0;
        }
        reason_set(reason, -EINVAL, LEAT_ROW_LIMITS,
                   length == 0 ? "nothing is to be mapped: it is empty, or offset= is its end"
                   : behind ? "what is asked for ends behind the end of it, where to touch it would be SIGBUS; ask for "
                              "less, or make it longer first"
                            : "length= is less than the bytes that the program wants");
        if (reason && (behind || length == 0)) {
                reason->limit = "its size";
                reason->limit_value = (int64_t)has;
        }
        return -EINVAL;
}

static int find_or_make(struct memory_place *place, const struct memory_raw *raw, struct leat_reason *reason,
                        bool *ret_made) {
        bool write = (raw->writes || (raw->prot & PROT_WRITE)) && !raw->alone;
        int r = -ENOENT;
        /* Another one may come or go between the two: each other time round is one that somebody made or removed. */
        while (true) {
                if (!raw->only_new)
                        r = place->kind->find(place, write, reason);
                if (r != -ENOENT || !raw->create)
                        return r;
                if (raw->size_bytes == 0)
                        return reason_set(reason, -ENOENT, LEAT_ROW_OPENING,
                                          "nothing is there; to make it, say how large it is to be");
                r = choose(raw, raw->size_bytes, reason, &(uint64_t){ 0 }); /* before anything is made for nothing */
                if (r == 0)
                        r = place->kind->make(place, raw->size_bytes, raw->mode, reason);
                *ret_made = r == 0;
                if (r != -EEXIST || raw->only_new)
                        return r;
        }
}

/* Addresses that begin where a page of it may. */
static uint8_t *reserve(size_t size, size_t page) {
        size_t more = page > (size_t)sysconf(_SC_PAGESIZE) ? page : 0;
        uint8_t *at = mmap(NULL, size + more, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (at == MAP_FAILED || more == 0)
                return at == MAP_FAILED ? NULL : at;
        size_t before = (page - (uintptr_t)at % page) % page;
        if (before > 0)
                (void)munmap(at, before);
        if (more > before)
                (void)munmap(at + before + size, more - before);
        return at + before;
}

static void unmap(struct memory_mapping *mapping) {
        if (mapping->at)
                (void)munmap(mapping->at, mapping->mapped_bytes);
}

static int map(const struct memory_place *place, const struct memory_raw *raw, uint64_t has, uint64_t length,
               struct leat_reason *reason, struct memory_mapping *ret_mapping) {
        uint64_t page = memory_place_page_bytes(place);
        if (page == 0)
                return -EIDRM;
        /* A segment is mapped as a whole. */
        uint64_t first = place->segment >= 0 ? 0 : raw->offset & ~(page - 1);
        uint64_t end = place->segment >= 0 ? has : raw->offset + length;
        CLEANUP(unmap) struct memory_mapping mapping = { .mapped_bytes = (end - first + page - 1) & ~(page - 1) };
        mapping.at = reserve(mapping.mapped_bytes, page);
        if (!mapping.at)
                return memory_explain(0, "there are no addresses for so much; map a part of it, by offset= and length=",
                                      reason);
        /* A segment that is attached to be read stays that. */
        int prot = raw->writes ? PROT_READ | PROT_WRITE : raw->prot;
        int r = place->kind->map(place, mapping.at, first, mapping.mapped_bytes, prot, raw->alone);
        if (r == 0 && prot != raw->prot && mprotect(mapping.at, mapping.mapped_bytes, raw->prot) < 0)
                r = -errno;
        if (r == 0 && madvise(mapping.at, mapping.mapped_bytes, MADV_DONTFORK) < 0)
                r = -errno;
        if (r == 0 && raw->populate && raw->prot != PROT_NONE &&
            madvise(mapping.at, mapping.mapped_bytes,
                    raw->prot & PROT_WRITE ? MADV_POPULATE_WRITE : MADV_POPULATE_READ) < 0)
                r = errno == EFAULT ? -ENOMEM : -errno;
        if (r < 0)
                return r;
        mapping.data = mapping.at + (raw->offset - first);
        mapping.data_bytes = length;
        *ret_mapping = mapping;
        mapping.at = NULL;
        return 0;
}

int memory_raw_open(struct memory_place *place, const struct memory_raw *raw, struct leat_reason *reason,
                    struct memory_mapping *ret_mapping) {
        uint64_t has = 0, length = 0;
        uint32_t about[3];
        bool made = false;
        if (!place->kind->named)
                return reason_set(reason, -ENOTSUP, LEAT_ROW_VERSIONS,
                                  "anon: is made by the library, so that there is nothing foreign in it");
        int r = find_or_make(place, raw, reason, &made);
        if (r == 0)
                r = place->kind->look(place, &has, about);
        if (r == 0)
                r = choose(raw, has, reason, &length);
        if (r == 0)
                r = map(place, raw, has, length, reason, ret_mapping);
        if (r < 0 && made)
                (void)place->kind->remove(place, NULL);
        return r;
}
