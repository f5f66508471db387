/* SPDX-License-Identifier: MIT */

/* leat region dump: what a region holds at one moment, field by field as its layout says, or as xxd(1) prints it. */

#include "base/cleanup.h"
#include "tools/leat/output.h"
#include "tools/leat/region_layout.h"
#include "tools/leat/region_open.h"
#include "tools/leat/region_parts.h"
#include "tools/leat/region_values.h"
#include "tools/leat/report.h"

#include <errno.h>
#include <inttypes.h>
#include <leat/transaction.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct dump {
        const struct options *options;
        struct leat_region *region;
        const char *layout;
        uint64_t offset, length;
        uint8_t *bytes;
        int r; /* of the copy */
};

/* ---- the copy ---- */

static void copy(void *argument) {
        struct dump *dump = argument;
        const uint8_t *data = leat_region_data(dump->region);
        struct leat_range range = { .where = data + dump->offset, .copy = dump->bytes, .size_bytes = dump->length };
        dump->r = leat_snapshot(dump->region, &range, 1, dump->options->deadline);
        if (dump->r == -ENOTSUP) { /* raw: as it is */
                memcpy(dump->bytes, range.where, dump->length);
                dump->r = 0;
        }
}

/* A file may be cut off under it. */
static int take_copy(struct dump *dump) {
        int r = leat_region_guard(dump->region, copy, dump);
        return r < 0 ? r : dump->r;
}

/* A writer died in the midst of a commit: who may write rolls that back. */
static int take_copy_again(struct dump *dump) {
        struct leat_region *region = NULL;
        int r = region_open(dump->options->operands[0], true, dump->options->deadline, NULL, &region);
        if (r < 0)
                return -EROFS;
        leat_region_close(dump->region);
        dump->region = region;
        return take_copy(dump);
}

static int tell_failure(const struct dump *dump, int r) {
        const char *address = dump->options->operands[0];
        if (r == -EROFS)
                complain(address,
                         "a writer died in the midst of a commit; who may write the region rolls it back: dump it as "
                         "such a user");
        else if (r == -EIO)
                complain(address, "its file was cut off meanwhile; 'leat region show' tells its size");
        else
                return report(address, r, ASKING, NULL);
        return SYSTEM_REFUSED;
}

/* ---- what of it ---- */

static bool by_fields(const struct dump *dump) {
        const struct region_options *options = &dump->options->region;
        return dump->layout && dump->layout[0] && !options->hexadecimal && options->offset == 0 && options->length == 0;
}

static int choose(struct dump *dump) {
        const struct region_options *options = &dump->options->region;
        uint64_t size = leat_region_size(dump->region);
        if (options->offset > size || options->length > size - options->offset) {
                char text[24];
                return complain_usage(options->offset > size ? "--offset" : "--length",
                                      "it ends behind the end; the region has %s (%" PRIu64 " bytes)",
                                      region_size_text(size, text), size);
        }
        dump->offset = options->offset;
        dump->length = options->length ? options->length : size - options->offset;
        dump->bytes = malloc(dump->length ? dump->length : 1);
        return dump->bytes ? DONE : report(dump->options->operands[0], -ENOMEM, ASKING, NULL);
}

static int print_bytes(const struct dump *dump) {
        if (dump->options->format != FORMAT_JSON)
                return values_print_hex(dump->bytes, dump->length, dump->offset);
        return output_json(json_pack("{s:o, s:I, s:I, s:o}", "address", region_text_json(dump->options->operands[0]),
                                     "offset", (json_int_t)dump->offset, "length", (json_int_t)dump->length, "hex",
                                     values_hex_json(dump->bytes, dump->length)));
}

static int print_fields(const struct dump *dump) {
        char name[64];
        (void)layout_name(dump->layout, name);
        if (dump->options->format != FORMAT_JSON)
                return values_print(dump->layout, dump->bytes, dump->length);
        return output_json(json_pack("{s:o, s:o, s:o}", "address", region_text_json(dump->options->operands[0]),
                                     "layout", region_text_json(name), "fields",
                                     values_json(dump->layout, dump->bytes, dump->length)));
}

static void dump_free(struct dump *dump) {
        free(dump->bytes);
        leat_region_close(dump->region);
}

static int run_dump(const struct options *options) {
        CLEANUP(dump_free) struct dump dump = { .options = options };
        struct leat_region_info info = LEAT_REGION_INFO_INIT;
        int code = region_open_or_tell(options->operands[0], false, options->deadline, &dump.region);
        if (!code)
                code = choose(&dump);
        if (code)
                return code;
        int r = take_copy(&dump);
        if (r == -EROFS)
                r = take_copy_again(&dump);
        if (r == 0)
                r = leat_region_info(dump.region, &info);
        if (r < 0)
                return tell_failure(&dump, r);
        dump.layout = info.layout;
        return by_fields(&dump) ? print_fields(&dump) : print_bytes(&dump);
}

const struct command command_region_dump = {
        .name = "region dump",
        .operands = "ADDRESS",
        .summary = "Print what a region holds at one moment, by its fields or in hexadecimal",
        .takes = TAKES_DUMP | TAKES_TIMEOUT | TAKES_JSON,
        .operands_min = 1,
        .operands_max = 1,
        .details =
                "Fields are those of the layout that the program gave: offset, name, value; integers are shown "
                "without\n"
                "sign, and those whose highest bit is set also with it. Without a layout, and with --hex, --offset or\n"
                "--length, it is printed as xxd(1) does. The copy is one that no transaction changes meanwhile. Memory "
                "of\n"
                "other programs: 'sysv-shm:0x162e?raw'.\n\n"
                "Exit: 0 done; 1 nothing is there; 2 usage; 71 the system refused; 124 the deadline passed: a writer "
                "was\n"
                "stopped in the midst of a commit.\n\n"
                "Example: leat region dump region:/stock\n",
        .run = run_dump,
};
