/* SPDX-License-Identifier: Apache-2.0 */
/* Values of the API to values on the wire, and back. */
#ifndef MOTE_HOST_HOSTFN_MARSHAL_H
#define MOTE_HOST_HOSTFN_MARSHAL_H

#include "wire/wire.h"
#include <mote/error.h>
#include <mote/value.h>

/* Convert without copying text or bytes. MOTE_E_ARGUMENT for a type that cannot stand there, a
 * NULL pointer with a length, and text that is not UTF-8; what names the value in the text. */
mote_status mt_value_to_wire(const mote_value *value, bool is_result, const char *what,
                             struct mt_wire_value *out, mote_error *err);

mote_value mt_value_from_wire(const struct mt_wire_value *value);

/* The name that a type has in Hyperlight 0.1's texts: "Int", "String", ... */
const char *mt_record_type_name(mote_type type);

#endif
