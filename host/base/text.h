/* SPDX-License-Identifier: Apache-2.0 */
/* Text that came from a guest: judging and escaping it. */
#ifndef MOTE_HOST_BASE_TEXT_H
#define MOTE_HOST_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Whether the bytes are well-formed UTF-8 (RFC 3629). */
bool mt_utf8_is_valid(const char *text, size_t len_bytes);

/* Write text so that it is one harmless line: control characters (C0 but tab, DEL, C1) and bytes
 * that are not UTF-8 become \xNN, newlines too. Always NUL-terminates; what does not fit is cut
 * between characters and the end marked with "...". Returns the bytes written without the NUL. */
size_t mt_escape(char *to, size_t to_bytes, const char *text, size_t len_bytes);

/* Copy text, replacing each byte that is not UTF-8 by U+FFFD; cut between characters where it does
 * not fit. Always NUL-terminates. Returns the bytes written without the NUL. */
size_t mt_utf8_copy_lossy(char *to, size_t to_bytes, const char *text, size_t len_bytes);

#endif
