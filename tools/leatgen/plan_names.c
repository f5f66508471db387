/* SPDX-License-Identifier: MIT */
#include "tools/leatgen/plan_build.h"
#include "tools/leatgen/report.h"
#include <stdlib.h>
#include <string.h>

/*
 * The pool of names. A name that another one ends with is that one's end: "id" lies in "uid". Fields' names come first, as their
 * offsets have 16 bits.
 */

struct text {
        const char *name;
        size_t size;
        uint32_t *ret_offset;
};

/* From the last byte to the first, so that a name comes right before those that end with it. */
static int compare_texts(const void *one, const void *other) {
        const struct text *left = one, *right = other;
        size_t i = left->size, j = right->size;
        while (i > 0 && j > 0)
                if (left->name[--i] != right->name[--j])
                        return (uint8_t)left->name[i] < (uint8_t)right->name[j] ? -1 : 1;
        return left->size < right->size ? -1 : left->size > right->size;
}

static bool ends_with(const struct text *text, const struct text *end) {
        return text->size >= end->size && memcmp(text->name + text->size - end->size, end->name, end->size) == 0;
}

static void add_text(struct text *texts, size_t *count, const char *name, uint32_t *ret_offset) {
        if (name)
                texts[(*count)++] = (struct text){ name, strlen(name), ret_offset };
}

static void place_text(struct text *text, const struct text *longer, uint32_t unit, struct page *page) {
        if (longer && ends_with(longer, text)) {
                size_t offset = *longer->ret_offset + longer->size - text->size;
                *text->ret_offset = (uint32_t)offset;
                if (offset % unit == 0)
                        return;
        }
        while (page->size % unit != 0)
                page_add_bytes(page, "", 1);
        *text->ret_offset = (uint32_t)page->size;
        page_add_bytes(page, text->name, text->size + 1);
}

/* Each at a multiple of the unit. */
static void place_texts(struct text *texts, size_t count, uint32_t unit, struct page *page) {
        for (size_t i = count; i-- > 0;)
                place_text(&texts[i], i + 1 < count ? &texts[i + 1] : NULL, unit, page);
}

#define SHIFT_MOST 4u

/* Offsets of fields' names have 16 bits: more than 64 KiB are counted in units of 2, 4 and so on. */
static bool place_fields(struct schema *schema, struct text *texts, size_t count, struct page *page) {
        for (schema->name_shift = 0; schema->name_shift <= SHIFT_MOST; schema->name_shift++) {
                page_free(page);
                page_add_bytes(page, "", 1);
                place_texts(texts, count, 1u << schema->name_shift, page);
                if (page->size >> schema->name_shift <= UINT16_MAX)
                        break;
        }
        for (size_t i = 0; i < schema->field_count; i++)
                schema->fields[i].text >>= schema->name_shift;
        return schema->name_shift <= SHIFT_MOST;
}

static void sort_texts(struct text *texts, size_t count) {
        qsort(texts, count, sizeof(*texts), compare_texts);
}

static void collect_fields(struct schema *schema, struct text *texts, size_t *count) {
        for (size_t i = 0; i < schema->field_count; i++)
                add_text(texts, count, schema->fields[i].name, &schema->fields[i].text);
}

static void collect_values(struct schema *schema, struct text *texts, size_t *count) {
        for (size_t i = 0; i < schema->value_count; i++)
                add_text(texts, count, schema->values[i].name, &schema->values[i].text);
}

bool plan_names(struct job *job, struct schema *schema, const struct place *place) {
        size_t most = schema->field_count + schema->value_count + 1, count = 0;
        struct text *texts = job_take(job, most * sizeof(*texts));
        struct page page = { 0 };
        collect_fields(schema, texts, &count);
        sort_texts(texts, count);
        if (!place_fields(schema, texts, count, &page))
                report_error(job, place,
                             "the names of its fields take more than 1 MiB, or are too many: split the interface");
        count = 0;
        collect_values(schema, texts, &count);
        sort_texts(texts, count);
        place_texts(texts, count, 1, &page);
        char *names = job_take(job, page.size);
        memcpy(names, page.bytes, page.size);
        schema->names = names;
        schema->names_size = page.size;
        page_free(&page);
        return report_errors(job) == 0;
}
