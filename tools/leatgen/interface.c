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

bool interface_has_program(const struct interface *interface) {
        for (const struct definition *definition = interface->definitions; definition; definition = definition->next)
                if (definition->kind == DEFINITION_PROGRAM && !definition->imported)
                        return true;
        return false;
}

bool has_result(const struct procedure *procedure) {
        return procedure->result.type.kind != TYPE_VOID;
}

const char *const definition_kind_names[DEFINITION_KIND_MAX + 1] = {
        [DEFINITION_CONST] = "constant",  [DEFINITION_ENUM] = "enum",       [DEFINITION_STRUCT] = "struct",
        [DEFINITION_UNION] = "union",     [DEFINITION_TYPEDEF] = "typedef", [DEFINITION_PROGRAM] = "program",
        [DEFINITION_VERBATIM] = "% line",
};

bool definition_is_type(const struct definition *definition) {
        switch (definition->kind) {
        case DEFINITION_ENUM:
        case DEFINITION_STRUCT:
        case DEFINITION_UNION:
        case DEFINITION_TYPEDEF:
                return true;
        case DEFINITION_CONST:
        case DEFINITION_PROGRAM:
        case DEFINITION_VERBATIM:
                break;
        }
        return false;
}

bool next_part(struct definition *definition, struct part *part) {
        bool first = !part->declaration;
        switch (definition->kind) {
        case DEFINITION_STRUCT:
                part->declaration = first ? definition->fields : part->declaration->next;
                break;
        case DEFINITION_UNION:
                part->arm = first ? NULL : part->arm ? part->arm->next : definition->arms;
                part->declaration = first ? &definition->discriminant : part->arm ? &part->arm->declaration : NULL;
                break;
        case DEFINITION_TYPEDEF:
                part->declaration = first ? &definition->alias : NULL;
                break;
        default:
                return false;
        }
        return part->declaration != NULL;
}
