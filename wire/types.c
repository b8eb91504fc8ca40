/* SPDX-License-Identifier: Apache-2.0 */
/* The numbers that the schema's enums ParameterType and ReturnType give to types. */
#include "wire/wire.h"

#define N_PARAMETER_TYPES 9u
#define N_RETURN_TYPES 10u

/* In a ReturnType void stands before bytes; all else is equal. */
static uint8_t swap_last(uint8_t number)
{
    if (number == MT_WIRE_BYTES)
        return MT_WIRE_VOID;
    return number == MT_WIRE_VOID ? MT_WIRE_BYTES : number;
}

bool mt_wire_parameter_number(enum mt_wire_type type, uint8_t *number)
{
    if ((unsigned)type >= N_PARAMETER_TYPES)
        return false;
    *number = (uint8_t)type;
    return true;
}

bool mt_wire_return_number(enum mt_wire_type type, uint8_t *number)
{
    if ((unsigned)type >= N_RETURN_TYPES)
        return false;
    *number = swap_last((uint8_t)type);
    return true;
}

bool mt_wire_parameter_type(uint8_t number, enum mt_wire_type *type)
{
    if (number >= N_PARAMETER_TYPES)
        return false;
    *type = (enum mt_wire_type)number;
    return true;
}

bool mt_wire_return_type(uint8_t number, enum mt_wire_type *type)
{
    if (number >= N_RETURN_TYPES)
        return false;
    *type = (enum mt_wire_type)swap_last(number);
    return true;
}
