/* SPDX-License-Identifier: MIT */
#include "channel/numbers.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RUNS_FIRST 8

void numbers_clear(struct numbers *numbers) {
        free(numbers->runs);
        *numbers = (struct numbers){ 0 };
}

static int make_room(struct numbers *numbers, size_t more) {
        size_t used = numbers->end - numbers->begin;
        if (numbers->end + more <= numbers->capacity)
                return 0;
        if (used + more > NUMBERS_RUNS_MOST)
                return -ENOBUFS;
        if (used + more > numbers->capacity / 2) { /* else moving them is worth it */
                size_t capacity = numbers->capacity ? 2 * numbers->capacity : RUNS_FIRST;
                struct run *runs = realloc(numbers->runs, capacity * sizeof(struct run));
                if (!runs)
                        return -ENOMEM;
                numbers->runs = runs;
                numbers->capacity = capacity;
        }
        memmove(numbers->runs, numbers->runs + numbers->begin, used * sizeof(struct run));
        numbers->begin = 0;
        numbers->end = used;
        return 0;
}

int numbers_reserve(struct numbers *numbers) {
        return make_room(numbers, 1);
}

void numbers_add(struct numbers *numbers, uint64_t number) {
        struct run *last = numbers->begin < numbers->end ? &numbers->runs[numbers->end - 1] : NULL;
        numbers->count++;
        if (last && last->last + 1 == number)
                last->last = number;
        else {
                assert(numbers->end < numbers->capacity && numbers->runs); /* numbers_reserve() came before */
                numbers->runs[numbers->end++] = (struct run){ number, number };
        }
}

/* Which run has it? `end`: none. */
static size_t find(const struct numbers *numbers, uint64_t number) {
        size_t low = numbers->begin, high = numbers->end;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                if (numbers->runs[middle].last < number)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low < numbers->end && numbers->runs[low].first <= number ? low : numbers->end;
}

static void remove_run(struct numbers *numbers, size_t at) {
        if (at == numbers->begin)
                numbers->begin++;
        else
                memmove(numbers->runs + at, numbers->runs + at + 1, (--numbers->end - at) * sizeof(struct run));
}

static bool split(struct numbers *numbers, size_t at, uint64_t number) {
        size_t offset = at - numbers->begin;
        if (make_room(numbers, 2) < 0) /* one stays for numbers_add(), whose message may be under way */
                return false;
        struct run *run = numbers->runs + numbers->begin + offset;
        memmove(run + 2, run + 1, (size_t)(numbers->runs + numbers->end - (run + 1)) * sizeof(struct run));
        numbers->end++;
        run[1] = (struct run){ number + 1, run->last };
        run->last = number - 1;
        return true;
}

bool numbers_take(struct numbers *numbers, uint64_t number) {
        size_t at = find(numbers, number);
        if (at == numbers->end)
                return false;
        struct run *run = &numbers->runs[at];
        if (run->first == run->last)
                remove_run(numbers, at);
        else if (run->first == number)
                run->first++;
        else if (run->last == number)
                run->last--;
        else if (!split(numbers, at, number))
                return false;
        numbers->count--;
        return true;
}
