/* Made by leatgen from lamps.x. Do not edit it: what is changed here is lost when it is made again. */
#include "lamps.h"
#include <leat/xdr_code.h>
#include <stddef.h>

static const struct leat_xdr_node leat_lamps_nodes[] __attribute__((aligned(4))) = {
        { LEAT_XDR_KIND_ENUM, LEAT_XDR_FLAG_DENSE | LEAT_XDR_FLAG_FLAT, 2, 0, 0, sizeof(enum lamps_state), 4 }, /* 1 */
        { LEAT_XDR_KIND_STRUCT, 0, 3, 0, 0, sizeof(struct lamps_lamp), 12 }, /* 2 */
        { LEAT_XDR_KIND_STRING, 0, 0, 0, UINT32_MAX, sizeof(struct leat_xdr_string), 4 }, /* 3 */
        { LEAT_XDR_KIND_CHAIN, 0, 0, 2, 0, sizeof(void *), 4 }, /* 4 */
};

static const struct leat_xdr_field leat_lamps_fields[] __attribute__((aligned(4))) = {
        { offsetof(struct lamps_lamp, now), 1, 1 }, /* 0 */
        { offsetof(struct lamps_lamp, where), 3, 10 }, /* 1 */
        { offsetof(struct lamps_lamp, next), 4, 5 }, /* 2 */
};

static const struct leat_xdr_value leat_lamps_values[] __attribute__((aligned(4))) = {
        { 0, 19 }, /* 0 */
        { 1, 16 }, /* 1 */
};

static const char leat_lamps_names[] __attribute__((aligned(1))) =
        ""
        "\0" "now"
        "\0" "next"
        "\0" "where"
        "\0" "ON"
        "\0" "OFF";

const struct leat_xdr_schema lamps_schema = {
        leat_lamps_nodes,
        leat_lamps_fields,
        leat_lamps_values,
        leat_lamps_names,
        NULL,
        5,
        0,
        LEAT_XDR_SCHEMA,
        0,
};
