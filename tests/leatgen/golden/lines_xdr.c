/* Made by leatgen from lines.x. Do not edit it: what is changed here is lost when it is made again. */
#include "lines.h"
#include <leat/xdr_code.h>
#include <stddef.h>
/* for the codec alone */

static const struct leat_xdr_node leat_lines_nodes[] = {
        { LEAT_XDR_KIND_STRUCT, 0, 1, 0, 0, sizeof(struct lines_line), 4 }, /* 1 */
        { LEAT_XDR_KIND_STRING, 0, 0, 0, UINT32_MAX, sizeof(struct leat_xdr_string), 4 }, /* 2 */
};

static const struct leat_xdr_field leat_lines_fields[] = {
        { offsetof(struct lines_line, text), 2, 1 }, /* 0 */
};

static const char leat_lines_names[] =
        ""
        "\0" "text";

static uint8_t *encode_lines_line(struct leat_xdr_encoder *encoder, uint8_t *at, const void *from) {
        const struct lines_line *value = from;
        if (!leat_xdr_may_put(value->text.text, value->text.size_bytes, LEAT_XDR_UNBOUNDED))
                return NULL;
        at = leat_xdr_room(encoder, at, 4 + leat_xdr_padded(value->text.size_bytes));
        if (!at)
                return NULL;
        at = leat_xdr_put_string(at, value->text.text, value->text.size_bytes);
        return at;
}

static const uint8_t *decode_lines_line(struct leat_xdr_decoder *decoder, const uint8_t *at, void *to) {
        struct lines_line *value = to;
        if (!leat_xdr_has(decoder, at, 4))
                return NULL;
        if (!leat_xdr_has_bytes(decoder, at, LEAT_XDR_UNBOUNDED, 0))
                return NULL;
        at = leat_xdr_get_string(decoder, at, &value->text);
        return at;
}

static const struct leat_xdr_codes leat_lines_codes[2] = {
        [1] = { encode_lines_line, decode_lines_line },
};

const struct leat_xdr_schema lines_schema = {
        leat_lines_nodes,
        leat_lines_fields,
        NULL,
        leat_lines_names,
        leat_lines_codes,
        3,
        2,
        LEAT_XDR_SCHEMA,
        0,
};
