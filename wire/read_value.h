/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the value of a parameter or a result. */
#ifndef MOTE_WIRE_READ_VALUE_H
#define MOTE_WIRE_READ_VALUE_H

#include "wire/verify.h"

/* Read the value table of the type at a place. Bytes are taken for those of a parameter
 * (hlvecbytes). */
bool mt_wire_read_value(struct mt_wire_reader *reader, size_t at, enum mt_wire_type type,
                        struct mt_wire_value *value);

#endif
