/* SPDX-License-Identifier: MIT */
#include "tools/leatgen/job.h"

#include "tools/leatgen/report.h"
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES ((size_t)64 << 10)

struct block {
        struct block *next;
        alignas(max_align_t) char bytes[];
};

/* An open hash table of the texts; a power of two, at most half full. */
struct pool {
        struct block *blocks;
        char *at, *end;
        const char **texts;
        size_t text_count, text_room;
};

void job_no_memory(void) {
        fputs("leatgen: no memory is left\n", stderr);
        exit(1);
}

void *allocate_cleared(size_t count, size_t size_bytes) {
        void *taken = calloc(count ? count : 1, size_bytes);
        if (!taken)
                job_no_memory();
        return taken;
}

void *allocate_again(void *old, size_t size_bytes) {
        void *taken = realloc(old, size_bytes);
        if (!taken)
                job_no_memory();
        return taken;
}

void job_begin(struct job *job, const struct options *options) {
        *job = (struct job){ .options = options,
                             .pool = allocate_cleared(1, sizeof(struct pool)),
                             .reports = reports_new() };
}

void job_end(struct job *job) {
        struct block *block = job->pool->blocks;
        while (block) {
                struct block *next = block->next;
                free(block);
                block = next;
        }
        free(job->pool->texts);
        free(job->pool);
        reports_free(job->reports);
        free(job->files);
        *job = (struct job){ 0 };
}

void *job_take(struct job *job, size_t size_bytes) {
        struct pool *pool = job->pool;
        size_t whole = (size_bytes + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
        if (whole > (size_t)(pool->end - pool->at)) {
                size_t room = whole > BLOCK_BYTES / 4 ? whole : BLOCK_BYTES;
                struct block *block = allocate_cleared(1, sizeof(*block) + room);
                block->next = pool->blocks;
                pool->blocks = block;
                if (room != BLOCK_BYTES)
                        return block->bytes; /* alone, so that the rest of the one in use is not lost */
                pool->at = block->bytes;
                pool->end = block->bytes + room;
        }
        void *taken = pool->at;
        pool->at += whole;
        return taken;
}

void *job_grow(struct job *job, void *items, size_t count, size_t *room, size_t item_bytes) {
        if (count < *room)
                return items;
        *room = *room ? 2 * *room : 16;
        void *more = job_take(job, *room * item_bytes);
        if (count > 0)
                memcpy(more, items, count * item_bytes);
        return more;
}

/* FNV-1a. */
static size_t hash_of(const char *bytes, size_t size_bytes) {
        uint64_t hash = 14695981039346656037u;
        for (size_t i = 0; i < size_bytes; i++)
                hash = (hash ^ (uint8_t)bytes[i]) * 1099511628211u;
        return (size_t)hash;
}

/* Where the text is, or would be. */
static const char **place_of(const struct pool *pool, const char *bytes, size_t size_bytes) {
        size_t mask = pool->text_room - 1;
        for (size_t i = hash_of(bytes, size_bytes) & mask;; i = (i + 1) & mask) {
                const char *text = pool->texts[i];
                if (!text || (strncmp(text, bytes, size_bytes) == 0 && !text[size_bytes]))
                        return &pool->texts[i];
        }
}

static void grow_texts(struct pool *pool) {
        const char **old = pool->texts;
        size_t old_room = pool->text_room;
        pool->text_room = old_room ? 2 * old_room : 1024;
        pool->texts = allocate_cleared(pool->text_room, sizeof(*pool->texts));
        for (size_t i = 0; i < old_room; i++)
                if (old[i])
                        *place_of(pool, old[i], strlen(old[i])) = old[i];
        free(old);
}

const char *job_intern(struct job *job, const char *bytes, size_t size_bytes) {
        struct pool *pool = job->pool;
        if (2 * pool->text_count >= pool->text_room)
                grow_texts(pool);
        const char **place = place_of(pool, bytes, size_bytes);
        if (!*place) {
                char *text = job_take(job, size_bytes + 1);
                memcpy(text, bytes, size_bytes);
                pool->text_count++;
                *place = text;
        }
        return *place;
}

const char *job_intern_text(struct job *job, const char *text) {
        return job_intern(job, text, strlen(text));
}

const char *job_format_list(struct job *job, const char *format, va_list arguments) {
        char usual[256], *made = NULL; /* names: nearly all of them fit */
        va_list again;
        va_copy(again, arguments);
        int size = vsnprintf(usual, sizeof(usual), format, arguments);
        bool fits = size >= 0 && (size_t)size < sizeof(usual);
        if (!fits)
                size = vasprintf(&made, format, again);
        va_end(again);
        if (size < 0)
                job_no_memory();
        const char *text = job_intern(job, fits ? usual : made, (size_t)size);
        free(made);
        return text;
}

const char *job_format(struct job *job, const char *format, ...) {
        va_list arguments;
        va_start(arguments, format);
        const char *text = job_format_list(job, format, arguments);
        va_end(arguments);
        return text;
}

const char *job_digits(struct job *job, __int128 value) {
        char digits[48];
        size_t at = sizeof(digits);
        unsigned __int128 rest = value < 0 ? -(unsigned __int128)value : (unsigned __int128)value;
        do
                digits[--at] = (char)('0' + (int)(rest % 10));
        while (rest /= 10);
        if (value < 0)
                digits[--at] = '-';
        return job_intern(job, digits + at, sizeof(digits) - at);
}

static void page_reserve(struct page *page, size_t size_bytes) {
        if (page->size + size_bytes + 1 <= page->room)
                return;
        size_t room = page->room ? page->room : 4096;
        while (room < page->size + size_bytes + 1)
                room *= 2;
        page->bytes = allocate_again(page->bytes, room);
        page->room = room;
}

void page_add_bytes(struct page *page, const char *bytes, size_t size_bytes) {
        page_reserve(page, size_bytes);
        memcpy(page->bytes + page->size, bytes, size_bytes);
        page->size += size_bytes;
        page->bytes[page->size] = '\0';
}

void page_add(struct page *page, const char *text) {
        page_add_bytes(page, text, strlen(text));
}

void page_format_list(struct page *page, const char *format, va_list arguments) {
        va_list again;
        va_copy(again, arguments);
        page_reserve(page, 256);
        int size = vsnprintf(page->bytes + page->size, page->room - page->size, format, arguments);
        if (size < 0)
                job_no_memory();
        if ((size_t)size >= page->room - page->size) {
                page_reserve(page, (size_t)size);
                vsnprintf(page->bytes + page->size, page->room - page->size, format, again);
        }
        va_end(again);
        page->size += (size_t)size;
}

void page_format(struct page *page, const char *format, ...) {
        va_list arguments;
        va_start(arguments, format);
        page_format_list(page, format, arguments);
        va_end(arguments);
}

void page_free(struct page *page) {
        free(page->bytes);
        *page = (struct page){ 0 };
}
