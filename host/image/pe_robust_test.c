/* SPDX-License-Identifier: Apache-2.0 */
/* PE files cut and changed at random, and allocators that fail: no crash, no leak, no half image.
 */
#include "host/image/pe_maker.h"
#include "host/image/trial_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define N_MUTATIONS 200000u

/* In a block of exactly the length, so that a sanitizer sees a byte too many. */
static void test_every_cut_pe_file_is_refused_or_loads(void **state)
{
    (void)state;
    struct pe_maker maker;
    pe_maker_fill(&maker);
    for (size_t len = 0; len <= PE_MAKER_FILE_BYTES; len++) {
        struct trial trial = {0};
        uint8_t *file = malloc(len > 0 ? len : 1);
        assert_non_null(file);
        memcpy(file, &maker, len);
        mote_status status = try_file(file, len, &trial);
        free(file);
        assert_int_equal(status == MOTE_OK, len >= PE_MAKER_OFFSET(symbols));
    }
}

/* Where the good file has something other than zeroes: changes elsewhere say little. */
static size_t random_offset(uint64_t *seed)
{
    static const struct {
        size_t start, end;
    } parts[] = {
        {MT_PE_LFANEW_AT, PE_MAKER_OFFSET(stub)},
        {PE_MAKER_OFFSET(coff), PE_MAKER_OFFSET(directories)},
        {PE_MAKER_OFFSET(directories), PE_MAKER_OFFSET(sections)},
        {PE_MAKER_OFFSET(sections), PE_MAKER_OFFSET(sections[PE_MAKER_N_SECTIONS])},
        {PE_MAKER_OFFSET(table), PE_MAKER_OFFSET(table) + 64},
        {PE_MAKER_OFFSET(pointer), PE_MAKER_OFFSET(pointer) + 8},
        {PE_MAKER_OFFSET(blocks), PE_MAKER_OFFSET(blocks[2])},
        {PE_MAKER_OFFSET(symbols), PE_MAKER_FILE_BYTES},
    };
    size_t part = next_random(seed) % (sizeof(parts) / sizeof(parts[0]));
    return parts[part].start + next_random(seed) % (parts[part].end - parts[part].start);
}

static void test_random_changes_of_pe_files_are_refused_or_load(void **state)
{
    (void)state;
    static const uint8_t edges[] = {0x00, 0x01, 0x7F, 0x80, 0xFF};
    uint64_t seed = 0x9E3779B97F4A7C15;
    struct pe_maker maker;
    size_t n_loaded = 0;
    uint8_t *block = malloc(PE_MAKER_FILE_BYTES + 1);
    assert_non_null(block);
    uint8_t *file = block + 1; /* nothing in a file is aligned */
    pe_maker_fill(&maker);
    for (size_t i = 0; i < N_MUTATIONS; i++) {
        struct trial trial = {0};
        memcpy(file, &maker, PE_MAKER_FILE_BYTES);
        for (uint64_t n = 1 + next_random(&seed) % 4; n > 0; n--) {
            uint64_t random = next_random(&seed);
            uint8_t edge = edges[(random >> 8) % sizeof(edges)];
            file[random_offset(&seed)] = (random & 1) != 0 ? edge : (uint8_t)(random >> 16);
        }
        n_loaded += try_file(file, PE_MAKER_FILE_BYTES, &trial) == MOTE_OK;
    }
    free(block);
    /* Both ways are taken often, or else the changes are too wild or too tame to say anything. */
    assert_true(n_loaded > N_MUTATIONS / 20);
    assert_true(n_loaded < N_MUTATIONS / 20 * 19);
}

static void test_each_failed_allocation_of_a_pe_image_unwinds(void **state)
{
    (void)state;
    struct pe_maker maker;
    pe_maker_fill(&maker);
    mote_status status = MOTE_E_MEMORY;
    size_t fail_at = 0;
    while (status != MOTE_OK) {
        struct trial trial = {.fail_at = ++fail_at};
        status = try_file((const uint8_t *)&maker, PE_MAKER_FILE_BYTES, &trial);
        assert_true(status == MOTE_OK || status == MOTE_E_MEMORY);
        assert_true(status == MOTE_E_MEMORY || trial.n_asked == fail_at - 1);
    }
    /* Rights, spans, sections, memory, relocations twice, symbols and their names. */
    assert_int_equal(fail_at - 1, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_cut_pe_file_is_refused_or_loads),
        cmocka_unit_test(test_random_changes_of_pe_files_are_refused_or_load),
        cmocka_unit_test(test_each_failed_allocation_of_a_pe_image_unwinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
