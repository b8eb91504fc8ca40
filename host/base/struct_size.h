/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Structs of the public API that begin with struct_size. A program may have been compiled with an
 * older or a newer header than the library. New fields come behind those there are, not into
 * padding, and 0 says the default: what one side has not is 0 for the other (as with openat2(2)).
 */
#ifndef MOTE_HOST_BASE_STRUCT_SIZE_H
#define MOTE_HOST_BASE_STRUCT_SIZE_H

#include <mote/error.h>
#include <stddef.h>

/* No struct will ever be larger: a size that was not set is mostly found by this. */
#define MT_STRUCT_MAX_BYTES 4096u

/* A struct of the API: its name, its size when it came into the API, and its size now. */
struct mt_struct {
    const char *name;
    size_t first_bytes;
    size_t bytes;
};

/* MOTE_E_STRUCT_SIZE where no version of the struct has this size. */
mote_status mt_struct_check(const struct mt_struct *kind, size_t struct_size, mote_error *err);

/* Copy a caller's struct to one of the library's. MOTE_E_STRUCT_SIZE as above, and where the caller
 * has set a field that the library does not know. */
mote_status mt_struct_read(const struct mt_struct *kind, void *to, const void *from,
                           mote_error *err);

/* Copy one of the library's to a caller's of struct_size, which was checked; it keeps that size. */
void mt_struct_write(const struct mt_struct *kind, void *to, size_t struct_size, const void *from);

#endif
