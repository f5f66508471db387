/* SPDX-License-Identifier: MIT */
#include "tools/leatgen/lex.h"

#include <string.h>

/* A line of a comment without what frames it: blanks, and stars, slashes, dashes and the like that are drawn there. */
static void trim(const char **begin, const char **end) {
        while (*begin < *end && lex_is_blank(**begin))
                ++*begin;
        while (*begin < *end && (**begin == '*' || **begin == '/'))
                ++*begin;
        if (*begin < *end && **begin == '!') /* of documentation for Doxygen */
                ++*begin;
        if (*begin < *end && **begin == ' ')
                ++*begin;
        while (*end > *begin && lex_is_blank((*end)[-1]))
                --*end;
}

static bool is_drawing(const char *begin, const char *end) {
        for (; begin < end; begin++)
                if (!strchr("*-=+#_/ \t", *begin))
                        return false;
        return true;
}

static void add_line(struct page *page, const char *begin, const char *end) {
        for (; begin < end; begin++) {
                char c = *begin ? *begin : ' ';
                page_add_bytes(page, &c, 1);
        }
}

const char *comment_text(struct job *job, const char *bytes, size_t size_bytes) {
        struct page page = { 0 };
        const char *end = bytes + size_bytes;
        size_t empty = 0;
        for (const char *line = bytes; line <= end;) {
                const char *feed = memchr(line, '\n', (size_t)(end - line));
                const char *begin = line, *stop = feed ? feed : end;
                line = stop + 1;
                trim(&begin, &stop);
                while (stop > begin && stop[-1] == '*')
                        stop--;
                while (stop > begin && lex_is_blank(stop[-1]))
                        stop--;
                if (is_drawing(begin, stop)) {
                        empty++;
                        continue;
                }
                if (page.size)
                        page_add(&page, empty ? "\n\n" : "\n");
                empty = 0;
                add_line(&page, begin, stop);
        }
        const char *text = page.size ? job_intern(job, page.bytes, page.size) : NULL;
        page_free(&page);
        return text;
}
