/* SPDX-License-Identifier: Apache-2.0 */
/* Filling the caller's error record, once, where the fault is found. */
#ifndef MOTE_HOST_BASE_ERROR_H
#define MOTE_HOST_BASE_ERROR_H

#include <mote/error.h>
#include <stddef.h>

/* Clear *err, set code and text. Returns code, so that `return mt_fail(err, ...)` reads well.
 * Guest text must go through mt_escape() first. A text that is too long ends in "...". */
mote_status mt_fail(mote_error *err, mote_status code, const char *format, ...) MOTE_PRINTF(3, 4);

/* As mt_fail(), for a failed system call: records the errno and the operation, and ends the text
 * with ": " and what the errno means. */
mote_status mt_fail_errno(mote_error *err, mote_status code, int os_errno, const char *operation);

/* As mt_fail(), for a guest file: records the field, its value and its offset in the file. The
 * text becomes "FIELD 0xVALUE at file offset 0xOFFSET: " and the formatted rest. */
mote_status mt_fail_load(mote_error *err, mote_status code, const char *field, uint64_t value,
                         uint64_t offset, const char *format, ...) MOTE_PRINTF(6, 7);

/* As mt_fail(), for MOTE_E_PROTOCOL: which buffer, which field in it, and the value found. */
mote_status mt_fail_protocol(mote_error *err, const char *buffer, const char *field, uint64_t value,
                             const char *format, ...) MOTE_PRINTF(5, 6);

/* What a public function returns in the end: notes success in *err, leaves an error as it is. */
mote_status mt_outcome(mote_status status, mote_error *err);

/* Copy a name or a message into a fixed array of the error, cut between characters where it does
 * not fit. */
void mt_error_copy(char *to, size_t to_bytes, const char *from, size_t from_bytes);

#endif
