/* SPDX-License-Identifier: MIT */
#include "tools/leatgen/plan_layout.h"

/*
 * R. Tarjan, "Depth-first search and linear graph algorithms" (1972), with a stack of its own in place of recursion.
 */

#define UNSEEN 0

struct walk {
        const struct layout *layout;
        edge_filter *filter;
        struct cycles *cycles;
        size_t *number; /* in the order of discovery, from 1 */
        size_t *low;    /* the least number that is reached from here, within the group */
        size_t *next;   /* the part that is looked at next */
        size_t *path;   /* from where the walk began to where it is */
        size_t path_count;
        size_t *open; /* those whose group is not complete */
        bool *is_open;
        size_t open_count;
        size_t discovered, groups, finished;
};

static void enter(struct walk *walk, size_t at) {
        walk->number[at] = walk->low[at] = ++walk->discovered;
        walk->next[at] = walk->layout->first[at];
        walk->path[walk->path_count++] = at;
        walk->open[walk->open_count++] = at;
        walk->is_open[at] = true;
}

static void close_group(struct walk *walk, size_t root) {
        size_t members = 0, member;
        do {
                member = walk->open[--walk->open_count];
                walk->is_open[member] = false;
                walk->cycles->group[member] = walk->groups;
                walk->cycles->order[walk->finished++] = member;
                members++;
                walk->cycles->cyclic[member] |= members > 1;
        } while (member != root);
        for (size_t i = 0; members > 1 && i < members; i++)
                walk->cycles->cyclic[walk->cycles->order[walk->finished - 1 - i]] = true;
        walk->groups++;
}

static void leave(struct walk *walk, size_t at) {
        walk->path_count--;
        if (walk->low[at] == walk->number[at])
                close_group(walk, at);
        if (walk->path_count == 0)
                return;
        size_t before = walk->path[walk->path_count - 1];
        if (walk->low[at] < walk->low[before])
                walk->low[before] = walk->low[at];
}

static void look_at(struct walk *walk, size_t at, const struct part *part) {
        if (part->declaration->type.kind != TYPE_NAMED || !walk->filter(walk->layout, at, part))
                return;
        size_t to = part->declaration->type.definition->node;
        if (to == at)
                walk->cycles->cyclic[at] = true;
        if (walk->number[to] == UNSEEN)
                enter(walk, to);
        else if (walk->is_open[to] && walk->number[to] < walk->low[at])
                walk->low[at] = walk->number[to];
}

static void walk_from(struct walk *walk, size_t start) {
        enter(walk, start);
        while (walk->path_count > 0) {
                size_t at = walk->path[walk->path_count - 1];
                if (walk->next[at] == walk->layout->first[at + 1])
                        leave(walk, at);
                else
                        look_at(walk, at, &walk->layout->parts[walk->next[at]++]);
        }
}

void find_cycles(struct job *job, const struct layout *layout, edge_filter *filter, struct cycles *ret_cycles) {
        size_t bytes = (layout->count + 1) * sizeof(size_t);
        *ret_cycles = (struct cycles){ .group = job_take(job, bytes),
                                       .cyclic = job_take(job, layout->count + 1),
                                       .order = job_take(job, bytes) };
        struct walk walk = { .layout = layout,
                             .filter = filter,
                             .cycles = ret_cycles,
                             .number = job_take(job, bytes),
                             .low = job_take(job, bytes),
                             .next = job_take(job, bytes),
                             .path = job_take(job, bytes),
                             .open = job_take(job, bytes),
                             .is_open = job_take(job, layout->count + 1) };
        for (size_t i = 0; i < layout->count; i++)
                if (walk.number[i] == UNSEEN)
                        walk_from(&walk, i);
}
