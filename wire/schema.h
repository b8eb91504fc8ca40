/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the fields of the schema's tables stand: their offsets in a vtable (docs/abi.md, Messages;
 * wire/schema/).
 */
#ifndef MOTE_WIRE_SCHEMA_H
#define MOTE_WIRE_SCHEMA_H

enum {
    /* Every value table but hlsizeprefixedbuffer and hlvoid. */
    MT_VT_VALUE = 4,

    MT_VT_SIZED_SIZE = 4,
    MT_VT_SIZED_VALUE = 6,

    /* Parameter and FunctionCallResult: a union is two fields. */
    MT_VT_UNION_TYPE = 4,
    MT_VT_UNION_VALUE = 6,

    MT_VT_CALL_NAME = 4,
    MT_VT_CALL_PARAMETERS = 6,
    MT_VT_CALL_TYPE = 8,
    MT_VT_CALL_RETURNS = 10,

    MT_VT_ERROR_CODE = 4,
    MT_VT_ERROR_MESSAGE = 6,

    MT_VT_LOG_MESSAGE = 4,
    MT_VT_LOG_SOURCE = 6,
    MT_VT_LOG_LEVEL = 8,
    MT_VT_LOG_CALLER = 10,
    MT_VT_LOG_SOURCE_FILE = 12,
    MT_VT_LOG_LINE = 14,

    MT_VT_DEFINITION_NAME = 4,
    MT_VT_DEFINITION_PARAMETERS = 6,
    MT_VT_DEFINITION_RETURNS = 8,

    MT_VT_DETAILS_FUNCTIONS = 4
};

/* The last value of the schema's enum LogLevel. */
#define MT_WIRE_MAX_LOG_LEVEL 6u

/* The number of a union's member is that of the enum's value of the same name, and this more. */
#define MT_WIRE_UNION_BASE 1u

#endif
