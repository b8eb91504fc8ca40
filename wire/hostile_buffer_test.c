/* SPDX-License-Identifier: Apache-2.0 */
/* A message in a buffer, and what readers say to it. */
#include "wire/hostile_buffer_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

_Alignas(8) uint8_t buffer[SAMPLE_ROOM];
struct mt_wire_fault fault;

bool read_copy(const struct sample *sample, const uint8_t *message, size_t len)
{
    uint8_t *copy = malloc(len > 0 ? len : 1);
    assert_non_null(copy);
    memcpy(copy, message, len);
    fault = (struct mt_wire_fault){NULL, 0};
    bool is_read = sample->read(copy, len, &fault);
    free(copy);
    assert_int_equal(is_read, fault.field == NULL);
    return is_read;
}

const struct sample *find_sample(const char *name)
{
    for (size_t i = 0; i < n_samples; i++) {
        if (strcmp(samples[i].name, name) == 0)
            return &samples[i];
    }
    fail_msg("no sample %s", name);
    return NULL;
}

size_t build_sample(const char *name)
{
    memset(buffer, 0, sizeof(buffer));
    size_t len = find_sample(name)->build(buffer, sizeof(buffer));
    assert_true(len > 0);
    return len;
}

void assert_refused(const char *name, size_t len, const char *field)
{
    assert_false(read_copy(find_sample(name), buffer, len));
    assert_string_equal(fault.field, field);
}

void assert_accepted(const char *name, size_t len)
{
    if (!read_copy(find_sample(name), buffer, len))
        fail_msg("%s: refused for %s", name, fault.field);
}

size_t root(void)
{
    return root_at(buffer);
}

size_t definition_at(size_t index)
{
    size_t element = target_at(buffer, root_at(buffer), 4) + 4 + 4 * index;
    return element + word_at(buffer, element);
}
