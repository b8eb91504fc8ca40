/* SPDX-License-Identifier: Apache-2.0 */
/* What the host says in its exception region (docs/abi.md, Errors and aborts): length and JSON. */
#include "abi/memory_map.h"
#include "guest/runtime/runtime.h"

#include <stdlib.h>
#include <string.h>

/* The region has no address in the PEB: it lies at the page behind the definitions. */
static const char *region(void)
{
    uint64_t end = mt_peb.host_definitions + mt_peb.host_definitions_bytes;
    return (const char *)(uintptr_t)((end + MT_PAGE_BYTES - 1) & ~(uint64_t)(MT_PAGE_BYTES - 1));
}

/* Behind `"name":`; NULL when it is not there. In a text each quote has a backslash before it, so
 * that nothing in one can be taken for a name. */
static const char *find(const char *json, size_t len_bytes, const char *name)
{
    const char *found = memmem(json, len_bytes, name, strlen(name));
    return found != NULL ? found + strlen(name) : NULL;
}

static uint64_t number(const char *json, size_t len_bytes, const char *name)
{
    const char *digits = find(json, len_bytes, name);
    return digits != NULL ? strtoull(digits, NULL, 10) : 0;
}

/* The character of `\uXXXX`: the host writes control characters only. */
static char control_character(const char *digits)
{
    char low[] = {digits[2], digits[3], '\0'};
    return (char)strtol(low, NULL, 16);
}

static const char *text(const char *json, size_t len_bytes, const char *name)
{
    const char *from = find(json, len_bytes, name);
    const char *end = json + len_bytes;
    if (from == NULL)
        return "";
    char *made = moteg_call_memory(len_bytes + 1);
    size_t n = 0;
    while (from < end && *from != '"') {
        if (*from != '\\') {
            made[n++] = *from++;
        } else if (from + 5 < end && from[1] == 'u') {
            made[n++] = control_character(from + 2);
            from += 6;
        } else if (from + 1 < end) {
            made[n++] = from[1];
            from += 2;
        } else {
            break;
        }
    }
    made[n] = '\0';
    return made;
}

bool mt_host_failure_read(moteg_host_failure *failure)
{
    uint32_t len_bytes = *(const volatile uint32_t *)(const void *)region();
    const char *json = region() + sizeof(len_bytes);
    if (len_bytes == 0)
        return false;
    failure->kind = (moteg_host_failure_kind)number(json, len_bytes, "\"status\":");
    failure->code = number(json, len_bytes, "\"code\":");
    failure->function = text(json, len_bytes, "\"source\":\"");
    failure->message = text(json, len_bytes, "\"message\":\"");
    return true;
}
