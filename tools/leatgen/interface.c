/* SPDX-License-Identifier: MIT */
#include "tools/leatgen/interface.h"

const char *const type_kind_names[TYPE_KIND_MAX + 1] = {
        [TYPE_VOID] = "void",
        [TYPE_INT] = "int",
        [TYPE_UNSIGNED] = "unsigned int",
        [TYPE_HYPER] = "hyper",
        [TYPE_UNSIGNED_HYPER] = "unsigned hyper",
        [TYPE_FLOAT] = "float",
        [TYPE_DOUBLE] = "double",
        [TYPE_QUADRUPLE] = "quadruple",
        [TYPE_BOOL] = "bool",
        [TYPE_CHAR] = "char",
        [TYPE_UNSIGNED_CHAR] = "unsigned char",
        [TYPE_SHORT] = "short",
        [TYPE_UNSIGNED_SHORT] = "unsigned short",
        [TYPE_STRING] = "string",
        [TYPE_OPAQUE] = "opaque",
        [TYPE_NAMED] = "named",
};
