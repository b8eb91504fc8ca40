/* SPDX-License-Identifier: Apache-2.0 */
/* Images of what elf_maker.h makes. */
#include "host/image/image_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct mt_image parse_good(const struct elf_maker *maker)
{
    struct mt_image image;
    mote_error err;
    if (mt_image_init(&image, (const uint8_t *)maker, sizeof(*maker), NULL, &err) != MOTE_OK)
        fail_msg("%s", err.text);
    return image;
}

void expect_span(const struct mt_image *image, size_t index, uint64_t start, uint64_t end,
                 uint32_t rights)
{
    assert_true(index < image->n_spans);
    assert_int_equal(image->spans[index].start, start);
    assert_int_equal(image->spans[index].len_bytes, end - start);
    assert_int_equal(image->spans[index].rights, rights);
}

uint64_t u64_at(const uint8_t *memory, uint64_t address)
{
    uint64_t value;
    memcpy(&value, memory + address, sizeof(value));
    return value;
}

uint8_t *place_image(const struct mt_image *image, uint64_t load_address)
{
    uint8_t *to = malloc(image->memory_bytes);
    assert_non_null(to);
    memset(to, 0xA5, image->memory_bytes);
    mt_image_place(image, load_address, to);
    return to;
}

void expect_relocated(const struct mt_image *image, uint64_t up_bytes)
{
    const struct {
        uint64_t place;
        uint64_t value;
    } wanted[] = {
        {MAKER_DATA_VA(functions[0].name), MAKER_OFFSET(echo_name)},
        {MAKER_DATA_VA(functions[1].code), MAKER_CODE + 0x10},
        {MAKER_DATA_VA(explicit_pointer), 0x123},
        {MAKER_DATA_VA(implicit_pointer), 0x456},
        {MAKER_DATA_VA(packed[0]), 0x10},
        {MAKER_DATA_VA(packed[1]), 0x11},
        {MAKER_DATA_VA(packed[7]), 0x17},
        {MAKER_DATA_VA(plt_pointer), MAKER_CODE + 0x40},
    };
    uint8_t *placed = place_image(image, LOAD_ADDRESS);
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
        assert_int_equal(u64_at(placed, up_bytes + wanted[i].place),
                         LOAD_ADDRESS + up_bytes + wanted[i].value);
    assert_int_equal(u64_at(placed, up_bytes + MAKER_DATA_VA(packed[2])), 0x12);
    assert_int_equal(u64_at(placed, up_bytes + MAKER_DATA_VA(plain)), 0x0123456789ABCDEF);
    free(placed);
}

void expect_symbol(const struct mt_image *image, uint64_t address, const char *name, uint64_t into)
{
    uint64_t into_bytes = 0x5A;
    const char *found = mt_image_symbol_at(image, address, &into_bytes);
    if (name == NULL) {
        assert_null(found);
        assert_int_equal(into_bytes, 0x5A);
        return;
    }
    assert_non_null(found);
    assert_string_equal(found, name);
    assert_int_equal(into_bytes, into);
}
