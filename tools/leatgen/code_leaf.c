/* SPDX-License-Identifier: MIT */
#include "tools/leatgen/code.h"

/* How many bytes behind an opaque[n] fill up to four. */
static unsigned int padding(const struct leat_xdr_node *node) {
        return -node->bound & 3;
}

/* ---- encoding ---- */

static void put_fixed(struct code *code, unsigned int depth, const struct piece *piece, uint64_t offset) {
        const struct leat_xdr_node *node = code_node(code, piece->node);
        code_line(code, depth, "memcpy(%s, %s, %u);", code_at(code, offset), piece->place, node->bound);
        if (padding(node))
                code_line(code, depth, "memset(%s, 0, %u);", code_at(code, offset + node->bound), padding(node));
}

static void put_array(struct code *code, unsigned int depth, const struct piece *piece, uint64_t offset) {
        const struct leat_xdr_node *node = code_node(code, piece->node);
        code_line(code, depth, "leat_xdr_put_all_%u(%s, %s, %u);", 8 * code_number_size(code, node->first),
                  code_at(code, offset), piece->place, node->bound);
}

static void put_enum(struct code *code, unsigned int depth, const struct piece *piece, uint64_t offset) {
        code_give_up(code, depth,
                     job_format(code->job, "!%s((int32_t)%s)", code_check(code, piece->node), piece->place));
        code_line(code, depth, "leat_xdr_put_32(%s, (uint32_t)%s);", code_at(code, offset), piece->place);
}

void code_put_leaf(struct code *code, unsigned int depth, const struct piece *piece, uint64_t offset) {
        const char *at = code_at(code, offset);
        switch (code_node(code, piece->node)->kind) {
        case LEAT_XDR_KIND_HYPER:
        case LEAT_XDR_KIND_UNSIGNED_HYPER:
                code_line(code, depth, "leat_xdr_put_64(%s, (uint64_t)%s);", at, piece->place);
                break;
        case LEAT_XDR_KIND_FLOAT:
                code_line(code, depth, "leat_xdr_put_float(%s, %s);", at, piece->place);
                break;
        case LEAT_XDR_KIND_DOUBLE:
                code_line(code, depth, "leat_xdr_put_double(%s, %s);", at, piece->place);
                break;
        case LEAT_XDR_KIND_QUADRUPLE:
                code_line(code, depth, "memcpy(%s, %s, 16);", at, place_member(code, piece->place, "bytes"));
                break;
        case LEAT_XDR_KIND_ENUM:
                put_enum(code, depth, piece, offset);
                break;
        case LEAT_XDR_KIND_FIXED:
                put_fixed(code, depth, piece, offset);
                break;
        case LEAT_XDR_KIND_ARRAY:
                put_array(code, depth, piece, offset);
                break;
        default: /* what fits into an int */
                code_line(code, depth, "leat_xdr_put_32(%s, (uint32_t)%s);", at, piece->place);
        }
}

/* ---- decoding ---- */

static void get_fixed(struct code *code, unsigned int depth, const struct piece *piece, uint64_t offset) {
        const struct leat_xdr_node *node = code_node(code, piece->node);
        code_line(code, depth, "memcpy(%s, %s, %u);", piece->place, code_at(code, offset), node->bound);
        if (padding(node))
                code_give_up(code, depth,
                             job_format(code->job, "!leat_xdr_is_padded(%s, %u)", code_at(code, offset), node->bound));
}

static void get_array(struct code *code, unsigned int depth, const struct piece *piece, uint64_t offset) {
        const struct leat_xdr_node *node = code_node(code, piece->node);
        code_line(code, depth, "leat_xdr_get_all_%u(%s, %s, %u);", 8 * code_number_size(code, node->first),
                  code_at(code, offset), piece->place, node->bound);
}

static void get_enum(struct code *code, unsigned int depth, const struct piece *piece, uint64_t offset) {
        const char *at = code_at(code, offset);
        code_give_up(code, depth,
                     job_format(code->job, "!%s((int32_t)leat_xdr_get_32(%s))", code_check(code, piece->node), at));
        code_line(code, depth, "%s = (%s)leat_xdr_get_32(%s);", piece->place, code->schema->nodes[piece->node].c_type,
                  at);
}

/* char and short: a number of four bytes that fits. */
static void get_narrow(struct code *code, unsigned int depth, const struct piece *piece, const char *at) {
        static const struct {
                const char *type, *least, *most;
        } narrow[] = { { "int8_t", "INT8_MIN", "INT8_MAX" },
                       { "uint8_t", "0", "UINT8_MAX" },
                       { "int16_t", "INT16_MIN", "INT16_MAX" },
                       { "uint16_t", "0", "UINT16_MAX" } };
        unsigned int i = code_node(code, piece->node)->kind - (unsigned int)LEAT_XDR_KIND_CHAR;
        code_give_up(code, depth,
                     job_format(code->job, "!leat_xdr_is_in(%s, %s, %s)", at, narrow[i].least, narrow[i].most));
        code_line(code, depth, "%s = (%s)leat_xdr_get_32(%s);", piece->place, narrow[i].type, at);
}

void code_get_leaf(struct code *code, unsigned int depth, const struct piece *piece, uint64_t offset) {
        const char *at = code_at(code, offset);
        switch (code_node(code, piece->node)->kind) {
        case LEAT_XDR_KIND_INT:
                code_line(code, depth, "%s = (int32_t)leat_xdr_get_32(%s);", piece->place, at);
                break;
        case LEAT_XDR_KIND_UNSIGNED:
                code_line(code, depth, "%s = leat_xdr_get_32(%s);", piece->place, at);
                break;
        case LEAT_XDR_KIND_HYPER:
                code_line(code, depth, "%s = (int64_t)leat_xdr_get_64(%s);", piece->place, at);
                break;
        case LEAT_XDR_KIND_UNSIGNED_HYPER:
                code_line(code, depth, "%s = leat_xdr_get_64(%s);", piece->place, at);
                break;
        case LEAT_XDR_KIND_FLOAT:
                code_line(code, depth, "%s = leat_xdr_get_float(%s);", piece->place, at);
                break;
        case LEAT_XDR_KIND_DOUBLE:
                code_line(code, depth, "%s = leat_xdr_get_double(%s);", piece->place, at);
                break;
        case LEAT_XDR_KIND_QUADRUPLE:
                code_line(code, depth, "memcpy(%s, %s, 16);", place_member(code, piece->place, "bytes"), at);
                break;
        case LEAT_XDR_KIND_BOOL:
                code_give_up(code, depth, job_format(code->job, "leat_xdr_get_32(%s) > 1", at));
                code_line(code, depth, "%s = leat_xdr_get_32(%s) != 0;", piece->place, at);
                break;
        case LEAT_XDR_KIND_ENUM:
                get_enum(code, depth, piece, offset);
                break;
        case LEAT_XDR_KIND_FIXED:
                get_fixed(code, depth, piece, offset);
                break;
        case LEAT_XDR_KIND_ARRAY:
                get_array(code, depth, piece, offset);
                break;
        default:
                get_narrow(code, depth, piece, at);
        }
}
