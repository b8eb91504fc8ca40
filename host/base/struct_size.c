/* SPDX-License-Identifier: Apache-2.0 */
/* Structs of other versions of the public API. */
#include "host/base/struct_size.h"

#include "host/base/error.h"
#include <string.h>

mote_status mt_struct_check(const struct mt_struct *kind, size_t struct_size, mote_error *err)
{
    if (struct_size >= kind->first_bytes && struct_size <= MT_STRUCT_MAX_BYTES)
        return MOTE_OK;
    return mt_fail(err, MOTE_E_STRUCT_SIZE, "%s has struct_size %zu, not %zu", kind->name,
                   struct_size, kind->bytes);
}

mote_status mt_struct_read(const struct mt_struct *kind, void *to, const void *from,
                           mote_error *err)
{
    const unsigned char *bytes = from;
    size_t size;
    memcpy(&size, from, sizeof(size));
    mote_status status = mt_struct_check(kind, size, err);
    if (status != MOTE_OK)
        return status;
    for (size_t i = kind->bytes; i < size; i++) {
        if (bytes[i] != 0)
            return mt_fail(err, MOTE_E_STRUCT_SIZE,
                           "%s has struct_size %zu, not %zu, and sets byte %zu, which is not known",
                           kind->name, size, kind->bytes, i);
    }
    memset(to, 0, kind->bytes);
    memcpy(to, from, size < kind->bytes ? size : kind->bytes);
    memcpy(to, &kind->bytes, sizeof(kind->bytes));
    return MOTE_OK;
}

void mt_struct_write(const struct mt_struct *kind, void *to, size_t struct_size, const void *from)
{
    memset(to, 0, struct_size);
    memcpy(to, from, struct_size < kind->bytes ? struct_size : kind->bytes);
    memcpy(to, &struct_size, sizeof(struct_size));
}
