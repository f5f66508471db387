/* SPDX-License-Identifier: MIT */
#include "tools/leatgen/code.h"

#include <string.h>

/* Neighbours that are checked together, and what may end them: something whose first four bytes say how it goes on. */
struct code_run {
        const struct piece *piece;
        size_t count;
        const struct piece *head; /* or NULL */
};

static unsigned int kind_of(const struct code *code, const struct piece *piece) {
        return code_node(code, piece->node)->kind;
}

static bool is_counted(const struct code *code, const struct piece *piece) {
        return kind_of(code, piece) == LEAT_XDR_KIND_BYTES || kind_of(code, piece) == LEAT_XDR_KIND_STRING;
}

static bool is_list(const struct code *code, const struct piece *piece) {
        return kind_of(code, piece) == LEAT_XDR_KIND_LIST;
}

/* Is it moved by a call of its function? */
static bool is_called(const struct code *code, const struct piece *piece) {
        return piece->node != code->own && code_has_function(code, piece->node);
}

/* Written in place: lists that have no function of their own, and what is optional. */
static bool is_head(const struct code *code, const struct piece *piece) {
        unsigned int kind = kind_of(code, piece);
        return code_is_straight(code, piece->node) && (kind == LEAT_XDR_KIND_OPTIONAL || kind == LEAT_XDR_KIND_CHAIN ||
                                                       (kind == LEAT_XDR_KIND_LIST && !is_called(code, piece)));
}

static const char *bound_of(const struct code *code, const struct piece *piece) {
        uint32_t bound = code_node(code, piece->node)->bound;
        return bound == LEAT_XDR_UNBOUNDED ? "LEAT_XDR_UNBOUNDED" : job_format(code->job, "%u", bound);
}

/* The bytes of numbers in a list that is moved as a whole: 4 or 8; else 0. */
static unsigned int list_number_size(const struct code *code, const struct piece *piece) {
        return is_list(code, piece) ? code_number_size(code, code_node(code, piece->node)->first) : 0;
}

/* The fewest bytes of a run. */
static uint64_t run_least(const struct code *code, const struct code_run *run) {
        uint64_t size = run->head ? 4 : 0;
        for (size_t i = 0; i < run->count; i++)
                size += is_counted(code, &run->piece[i]) ? 4 : code_leaf_size(code, run->piece[i].node);
        return size;
}

/* ---- loops ---- */

static const char *loop_begin(struct code *code, unsigned int depth, const char *count) {
        const char *name = code->loops < 3 ? (const char *[]){ "i", "j", "k" }[code->loops]
                                           : job_format(code->job, "i%u", code->loops);
        code->loops++;
        code_line(code, depth, "for (uint32_t %s = 0; %s < %s; %s++) {", name, name, count, name);
        return name;
}

static void loop(struct code *code, unsigned int depth, uint32_t element, const char *items, const char *count) {
        const char *name = loop_begin(code, depth, count);
        code_move_one(code, depth + 1, element, place_index(code, items, name));
        code_line(code, depth, "}");
        code->loops--;
}

static void loop_list(struct code *code, unsigned int depth, const struct piece *piece) {
        const char *items = place_member(code, piece->place, "items");
        const char *count = place_member(code, piece->place, "count");
        unsigned int number = list_number_size(code, piece);
        if (number)
                code_line(code, depth, "at = leat_xdr_%s_all_%u(at, %s, %s);", code->decodes ? "get" : "put",
                          8 * number, items, count);
        else
                loop(code, depth, code_node(code, piece->node)->first, items, count);
}

/* ---- encoding ---- */

/* What has a length: is that within its bound? */
static void encode_length_check(struct code *code, unsigned int depth, const struct piece *piece) {
        bool list = is_list(code, piece), text = kind_of(code, piece) == LEAT_XDR_KIND_STRING;
        const char *bytes = place_member(code, piece->place, list ? "items" : text ? "text" : "bytes");
        const char *size = place_member(code, piece->place, list ? "count" : "size_bytes");
        code_give_up(code, depth,
                     job_format(code->job, "!leat_xdr_may_put(%s, %s, %s)", bytes, size, bound_of(code, piece)));
}

static void encode_checks(struct code *code, unsigned int depth, const struct code_run *run) {
        for (size_t i = 0; i < run->count; i++)
                if (is_counted(code, &run->piece[i]))
                        encode_length_check(code, depth, &run->piece[i]);
        if (run->head && is_list(code, run->head))
                encode_length_check(code, depth, run->head);
}

/* Room for all of the run, and for a list's numbers. */
static void encode_room(struct code *code, unsigned int depth, const struct code_run *run) {
        struct page size = { 0 };
        page_format(&size, "%llu", (unsigned long long)run_least(code, run));
        for (size_t i = 0; i < run->count; i++)
                if (is_counted(code, &run->piece[i]))
                        page_format(&size, " + leat_xdr_padded(%s)",
                                    place_member(code, run->piece[i].place, "size_bytes"));
        if (run->head && list_number_size(code, run->head))
                page_format(&size, " + %u * (size_t)%s", list_number_size(code, run->head),
                            place_member(code, run->head->place, "count"));
        code_line(code, depth, "at = leat_xdr_room(encoder, at, %s);", size.bytes);
        code_give_up(code, depth, "!at");
        page_free(&size);
}

static void encode_counted(struct code *code, unsigned int depth, const struct piece *piece, uint64_t offset) {
        bool text = kind_of(code, piece) == LEAT_XDR_KIND_STRING;
        code_line(code, depth, "at = leat_xdr_put_%s(%s, %s, %s);", text ? "string" : "bytes", code_at(code, offset),
                  place_member(code, piece->place, text ? "text" : "bytes"),
                  place_member(code, piece->place, "size_bytes"));
        if (text)
                code_give_up(code, depth, "!at");
}

/* What a head's first four bytes lead to. */
static void encode_rest(struct code *code, unsigned int depth, const struct piece *piece) {
        if (is_list(code, piece)) {
                loop_list(code, depth, piece);
        } else if (piece->node == code->link) {
                code_line(code, depth, "if (!%s)", piece->place);
                code_line(code, depth + 1, "return at;");
        } else {
                code_line(code, depth, "if (%s) {", piece->place);
                code_move_one(code, depth + 1, code_node(code, piece->node)->first, place_at(code, piece->place));
                code_line(code, depth, "}");
        }
}

static void encode_run(struct code *code, unsigned int depth, const struct code_run *run) {
        uint64_t offset = 0;
        encode_checks(code, depth, run);
        encode_room(code, depth, run);
        for (size_t i = 0; i < run->count; i++) {
                const struct piece *piece = &run->piece[i];
                if (is_counted(code, piece)) {
                        encode_counted(code, depth, piece, offset);
                        offset = 0;
                } else {
                        code_put_leaf(code, depth, piece, offset);
                        offset += code_leaf_size(code, piece->node);
                }
        }
        if (run->head) {
                const char *what = is_list(code, run->head) ? place_member(code, run->head->place, "count")
                                                            : job_format(code->job, "%s != NULL", run->head->place);
                code_line(code, depth, "leat_xdr_put_32(%s, %s);", code_at(code, offset), what);
                offset += 4;
        }
        if (offset)
                code_line(code, depth, "at += %llu;", (unsigned long long)offset);
        if (run->head)
                encode_rest(code, depth, run->head);
}

/* ---- decoding ---- */

static void decode_counted(struct code *code, unsigned int depth, const struct piece *piece, uint64_t offset,
                           uint64_t behind) {
        const struct leat_xdr_node *node = code_node(code, piece->node);
        bool text = node->kind == LEAT_XDR_KIND_STRING, borrowed = node->flags & LEAT_XDR_FLAG_BORROWED;
        const char *at = code_at(code, offset);
        code_give_up(code, depth,
                     job_format(code->job, "!leat_xdr_has_bytes(decoder, %s, %s, %llu)", at, bound_of(code, piece),
                                (unsigned long long)behind));
        code_line(code, depth, "at = leat_xdr_%s_%s(%s%s, %s);", borrowed ? "borrow" : "get", text ? "string" : "bytes",
                  borrowed && !text ? "" : "decoder, ", at, place_address(code, piece->place));
        code_give_up(code, depth, "!at");
}

/* Memory for what a pointer points to, and that. */
static void decode_taken(struct code *code, unsigned int depth, const struct piece *piece) {
        const char *pointed = place_at(code, piece->place);
        code_line(code, depth, "%s = leat_xdr_take(decoder, sizeof(%s));", piece->place, pointed);
        code_give_up(code, depth, job_format(code->job, "!%s", piece->place));
        if (piece->node != code->link)
                code_move_one(code, depth, code_node(code, piece->node)->first, pointed);
}

static void decode_list(struct code *code, unsigned int depth, const struct piece *piece) {
        const struct leat_xdr_node *node = code_node(code, piece->node);
        const char *items = place_member(code, piece->place, "items");
        const char *count = place_member(code, piece->place, "count");
        code_give_up(code, depth,
                     job_format(code->job, "!leat_xdr_has_all(decoder, at, %s, %s, %u)", count, bound_of(code, piece),
                                code_node(code, node->first)->wire_min));
        code_line(code, depth, "%s = leat_xdr_take_all(decoder, %s, sizeof(%s));", items, count, place_at(code, items));
        code_give_up(code, depth, job_format(code->job, "!%s && %s", items, count));
        loop_list(code, depth, piece);
}

static void decode_rest(struct code *code, unsigned int depth, const struct piece *piece) {
        if (is_list(code, piece)) {
                decode_list(code, depth, piece);
                return;
        }
        code_line(code, depth, "%s = NULL;", piece->place);
        if (piece->node == code->link) {
                code_line(code, depth, "if (!leat_xdr_get_32(at - 4))");
                code_line(code, depth + 1, "return at;");
                decode_taken(code, depth, piece);
        } else {
                code_line(code, depth, "if (leat_xdr_get_32(at - 4)) {");
                decode_taken(code, depth + 1, piece);
                code_line(code, depth, "}");
        }
}

static void decode_head(struct code *code, unsigned int depth, const struct piece *piece, uint64_t offset) {
        const char *at = code_at(code, offset);
        if (is_list(code, piece))
                code_line(code, depth, "%s = leat_xdr_get_32(%s);", place_member(code, piece->place, "count"), at);
        else
                code_give_up(code, depth, job_format(code->job, "leat_xdr_get_32(%s) > 1", at));
}

static void decode_run(struct code *code, unsigned int depth, const struct code_run *run) {
        uint64_t offset = 0, left = run_least(code, run);
        code_give_up(code, depth, job_format(code->job, "!leat_xdr_has(decoder, at, %llu)", (unsigned long long)left));
        for (size_t i = 0; i < run->count; i++) {
                const struct piece *piece = &run->piece[i];
                if (is_counted(code, piece)) {
                        left -= 4;
                        decode_counted(code, depth, piece, offset, left);
                        offset = 0;
                } else {
                        code_get_leaf(code, depth, piece, offset);
                        offset += code_leaf_size(code, piece->node);
                        left -= code_leaf_size(code, piece->node);
                }
        }
        if (run->head) {
                decode_head(code, depth, run->head, offset);
                offset += 4;
        }
        if (offset)
                code_line(code, depth, "at += %llu;", (unsigned long long)offset);
        if (run->head)
                decode_rest(code, depth, run->head);
}

/* ---- both ---- */

/* As many as there are from here on; none: it begins with something else. */
static struct code_run find_run(const struct code *code, const struct pieces *pieces, size_t from) {
        struct code_run run = { .piece = &pieces->piece[from] };
        size_t i = from;
        while (i < pieces->count && (code_is_leaf(code, pieces->piece[i].node) || is_counted(code, &pieces->piece[i])))
                i++;
        run.count = i - from;
        if (i < pieces->count && is_head(code, &pieces->piece[i]))
                run.head = &pieces->piece[i];
        return run;
}

static void move_held(struct code *code, unsigned int depth, const struct piece *piece) {
        if (code->decodes) {
                decode_taken(code, depth, piece);
                return;
        }
        code_give_up(code, depth, job_format(code->job, "!%s", piece->place));
        code_move_one(code, depth, code_node(code, piece->node)->first, place_at(code, piece->place));
}

static void move_other(struct code *code, unsigned int depth, const struct piece *piece) {
        const struct leat_xdr_node *node = code_node(code, piece->node);
        bool in_place = code_is_straight(code, piece->node) && !is_called(code, piece);
        if (in_place && node->kind == LEAT_XDR_KIND_HELD)
                move_held(code, depth, piece);
        else if (in_place && node->kind == LEAT_XDR_KIND_ARRAY)
                loop(code, depth, node->first, piece->place, job_format(code->job, "%u", node->bound));
        else
                code_call(code, depth, piece->node, piece->place);
}

void code_move(struct code *code, unsigned int depth, const struct pieces *pieces) {
        for (size_t i = 0; i < pieces->count;) {
                struct code_run run = find_run(code, pieces, i);
                if (!run.count && !run.head) {
                        move_other(code, depth, &pieces->piece[i++]);
                        continue;
                }
                if (code->decodes)
                        decode_run(code, depth, &run);
                else
                        encode_run(code, depth, &run);
                i += run.count + (run.head ? 1 : 0);
        }
}

void code_move_one(struct code *code, unsigned int depth, uint32_t node, const char *place) {
        struct pieces pieces = { 0 };
        pieces_add_value(code, &pieces, node, place);
        code_move(code, depth, &pieces);
}
