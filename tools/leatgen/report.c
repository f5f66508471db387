/* SPDX-License-Identifier: MIT */
#include "tools/leatgen/report.h"

#include "tools/leatgen/source.h"
#include <stdlib.h>
#include <string.h>

#define WARNINGS_MOST 1000u
#define NOTES_MOST 20u
#define LINE_BYTES 100u /* of a line that is shown; of a longer one what is around the caret */

enum severity { SEVERITY_ERROR, SEVERITY_WARNING, SEVERITY_NOTE };

struct report {
        enum severity severity;
        struct place place;
        const char *text;
        size_t number; /* in the order of coming */
        uint32_t file; /* the files are in the order in which they have reports */
        unsigned note_count;
        struct report *notes, **last_note, *next;
};

struct reports {
        struct report **items; /* errors and warnings */
        size_t count, room, error_count, warning_count;
        const struct source **files;
        size_t file_count;
        struct report *current; /* what notes belong to; NULL: it was dropped */
};

struct reports *reports_new(void) {
        return allocate_cleared(1, sizeof(struct reports));
}

void reports_free(struct reports *reports) {
        if (!reports)
                return;
        free(reports->items);
        free(reports->files);
        free(reports);
}

size_t report_errors(const struct job *job) {
        return job->reports->error_count;
}

/* ---- collecting ---- */

static struct report *new_report(struct job *job, enum severity severity, const struct place *place, const char *text) {
        struct report *report = JOB_NEW(job, struct report);
        *report = (struct report){ .severity = severity, .text = text, .last_note = &report->notes };
        if (place)
                report->place = *place;
        return report;
}

static uint32_t number_of_file(struct reports *reports, const struct source *source) {
        for (size_t i = 0; i < reports->file_count; i++)
                if (reports->files[i] == source)
                        return (uint32_t)i;
        reports->files = allocate_again(reports->files, (reports->file_count + 1) * sizeof(struct source *));
        reports->files[reports->file_count] = source;
        return (uint32_t)reports->file_count++;
}

static bool same_place(const struct place *a, const struct place *b) {
        return a->source == b->source && a->line == b->line && a->column == b->column;
}

static bool was_reported(const struct reports *reports, const struct report *report) {
        for (size_t i = 0; report->place.source && i < reports->count; i++)
                if (reports->items[i]->severity == report->severity &&
                    same_place(&reports->items[i]->place, &report->place) &&
                    (report->severity == SEVERITY_ERROR || strcmp(reports->items[i]->text, report->text) == 0))
                        return true;
        return false;
}

static void add_report(struct job *job, enum severity severity, const struct place *place, const char *format,
                       va_list arguments) {
        struct reports *reports = job->reports;
        size_t *count = severity == SEVERITY_ERROR ? &reports->error_count : &reports->warning_count;
        reports->current = NULL;
        if (*count >= (severity == SEVERITY_ERROR ? REPORT_ERRORS_MOST : WARNINGS_MOST)) {
                ++*count;
                return;
        }
        struct report *report = new_report(job, severity, place, job_format_list(job, format, arguments));
        if (was_reported(reports, report))
                return;
        ++*count;
        if (reports->count == reports->room) {
                reports->room = reports->room ? 2 * reports->room : 64;
                reports->items = allocate_again(reports->items, reports->room * sizeof(struct report *));
        }
        report->number = reports->count;
        report->file = number_of_file(reports, report->place.source);
        reports->items[reports->count++] = report;
        reports->current = report;
}

void report_error(struct job *job, const struct place *place, const char *format, ...) {
        va_list arguments;
        va_start(arguments, format);
        add_report(job, SEVERITY_ERROR, place, format, arguments);
        va_end(arguments);
}

void report_warning(struct job *job, const struct place *place, const char *format, ...) {
        va_list arguments;
        va_start(arguments, format);
        add_report(job, SEVERITY_WARNING, place, format, arguments);
        va_end(arguments);
}

void report_note(struct job *job, const struct place *place, const char *format, ...) {
        struct report *owner = job->reports->current;
        if (!owner || owner->note_count++ == NOTES_MOST)
                return;
        va_list arguments;
        va_start(arguments, format);
        struct report *note = new_report(job, SEVERITY_NOTE, place, job_format_list(job, format, arguments));
        va_end(arguments);
        *owner->last_note = note;
        owner->last_note = &note->next;
}

/* ---- showing ---- */

static int compare(const void *a, const void *b) {
        const struct report *left = *(struct report *const *)a, *right = *(struct report *const *)b;
        if (left->file != right->file)
                return left->file < right->file ? -1 : 1;
        if (left->place.line != right->place.line)
                return left->place.line < right->place.line ? -1 : 1;
        if (left->place.column != right->place.column)
                return left->place.column < right->place.column ? -1 : 1;
        return left->number < right->number ? -1 : left->number > right->number;
}

static void add_repeated(struct page *page, char c, size_t count) {
        while (count--)
                page_add_bytes(page, &c, 1);
}

/* How many bytes the character has, if it is one of UTF-8; 0: it is none, or one that a terminal would obey. */
static size_t character_size(const char *at, const char *end) {
        unsigned char c = (unsigned char)*at;
        size_t size = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : (c & 0xf0) == 0xe0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;
        if (c < ' ' || c == 127 || (size_t)(end - at) < size || (c == 0xc2 && (unsigned char)at[1] < 0xa0))
                return 0;
        for (size_t i = 1; i < size; i++)
                if (((unsigned char)at[i] & 0xc0) != 0x80)
                        return 0;
        return size;
}

/* Text of the file, with ? for what is no character. */
static void add_clean(struct page *page, const char *text, size_t text_size) {
        for (const char *end = text + text_size; text < end;) {
                size_t size = character_size(text, end);
                page_add_bytes(page, size ? text : "?", size ? size : 1);
                text += size ? size : 1;
        }
}

/* The bytes of the line that are shown: those around `at`. */
static void cut(const char *line, size_t size, size_t at, size_t *ret_begin, size_t *ret_end) {
        size_t begin = at > LINE_BYTES / 2 && size > LINE_BYTES ? at - LINE_BYTES / 2 : 0;
        size_t end = size - begin > LINE_BYTES ? begin + LINE_BYTES : size;
        while (begin > 0 && begin < size && ((unsigned char)line[begin] & 0xc0) == 0x80)
                begin--;
        while (end < size && ((unsigned char)line[end] & 0xc0) == 0x80)
                end++;
        *ret_begin = begin;
        *ret_end = end;
}

static void show_line(struct page *page, const struct place *place) {
        size_t size = 0, begin = 0, end = 0, column = 0, caret = 0, carets = 0;
        const char *line = source_line(place->source, place->line, &size);
        size_t at = place->column ? place->column - 1 : 0;
        if (!size || at > size)
                return;
        cut(line, size, at, &begin, &end);
        page_format(page, "%5u | %s", place->line, begin ? "..." : "");
        for (size_t i = begin, size_of = 1; i < end; i += size_of) {
                size_of = character_size(line + i, line + end);
                size_of = size_of ? size_of : 1;
                size_t width = line[i] == '\t' ? 8 - column % 8 : 1;
                if (line[i] == '\t')
                        add_repeated(page, ' ', width);
                else
                        add_clean(page, line + i, size_of);
                caret += i < at ? width : 0;
                carets += i >= at && i < at + place->length ? width : 0;
                column += width;
        }
        page_format(page, "%s\n      | ", end < size ? "..." : "");
        add_repeated(page, ' ', caret + (begin ? 3 : 0));
        page_add(page, "^");
        add_repeated(page, '~', carets > 1 ? carets - 1 : 0);
        page_add(page, "\n");
}

static void show_report(struct page *page, const struct report *report) {
        static const char *const names[] = { "error", "warning", "note" };
        const struct place *place = &report->place;
        if (!place->source) {
                page_format(page, "leatgen: %s: ", names[report->severity]);
        } else {
                add_clean(page, place->source->name, strlen(place->source->name));
                if (place->line)
                        page_format(page, ":%u:%u", place->line, place->column);
                page_format(page, ": %s: ", names[report->severity]);
        }
        add_clean(page, report->text, strlen(report->text));
        page_add(page, "\n");
        if (place->source && place->line)
                show_line(page, place);
}

/* Which files included the one of the report, once for each file. */
static void show_chain(struct page *page, const struct source *source) {
        unsigned depth = 0;
        for (; source && source->included.source && depth < 5; source = source->included.source, depth++)
                page_format(page, "%s:%u:%u: note: included from here\n", source->included.source->name,
                            source->included.line, source->included.column);
        if (source && source->included.source)
                page_add(page, "...\n");
}

void report_show(struct job *job, struct page *page) {
        struct reports *reports = job->reports;
        const struct source *before = NULL;
        if (reports->count)
                qsort(reports->items, reports->count, sizeof(struct report *), compare);
        for (size_t i = 0; i < reports->count; i++) {
                const struct report *report = reports->items[i];
                show_report(page, report);
                for (const struct report *note = report->notes; note; note = note->next)
                        show_report(page, note);
                if (report->place.source && report->place.source != before)
                        show_chain(page, report->place.source);
                before = report->place.source;
        }
        if (reports->error_count > REPORT_ERRORS_MOST)
                page_format(page, "leatgen: too many errors: %zu more\n", reports->error_count - REPORT_ERRORS_MOST);
        if (reports->warning_count > WARNINGS_MOST)
                page_format(page, "leatgen: too many warnings: %zu more\n", reports->warning_count - WARNINGS_MOST);
        reports->count = reports->error_count = reports->warning_count = 0;
        reports->current = NULL;
}
