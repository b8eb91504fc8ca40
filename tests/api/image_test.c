/* SPDX-License-Identifier: Apache-2.0 */
/* <mote/image.h>: opening, facts, functions, maps, and each documented error. */
#include "tests/api/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void *no_memory(void *context, size_t len_bytes)
{
    (void)context;
    (void)len_bytes;
    return NULL;
}

static void *no_memory_again(void *context, void *block, size_t len_bytes)
{
    (void)context;
    (void)block;
    (void)len_bytes;
    return NULL;
}

static void release(void *context, void *block)
{
    (void)context;
    free(block);
}

static const mote_allocator poor = {no_memory, no_memory_again, release, NULL};
static const mote_allocator incomplete = {no_memory, NULL, release, NULL};

static void test_open_refuses_bad_arguments(void **state)
{
    (void)state;
    mote_image *image = NULL;
    assert_status(mote_image_open(NULL, NULL, &image, &last_error), MOTE_E_ARGUMENT);
    assert_status(mote_image_open(HELLO, NULL, NULL, &last_error), MOTE_E_ARGUMENT);
    assert_status(mote_image_open(HELLO, &incomplete, &image, &last_error), MOTE_E_ARGUMENT);
    assert_null(image);
}

static void test_open_says_why_a_file_cannot_be_read(void **state)
{
    (void)state;
    mote_image *image = NULL;
    assert_status(mote_image_open("no/such.elf", NULL, &image, &last_error), MOTE_E_IMAGE_OPEN);
    assert_non_null(strstr(last_error.text, "no/such.elf: No such file or directory"));
    assert_non_null(strstr(last_error.text, "searched in /"));
    assert_string_equal(last_error.subject, "no/such.elf");
    assert_status(mote_image_open("/", NULL, &image, &last_error), MOTE_E_IMAGE_OPEN);
    assert_non_null(strstr(last_error.text, "is a directory"));
    assert_status(mote_image_open("/dev/null", NULL, &image, &last_error), MOTE_E_IMAGE_OPEN);
    assert_non_null(strstr(last_error.text, "is not a regular file"));
    assert_null(image);
}

static void test_open_does_not_wait_for_a_fifo(void **state)
{
    (void)state;
    char path[] = "/tmp/mote-fifo-XXXXXX";
    mote_image *image = NULL;
    assert_non_null(mkdtemp(path));
    char fifo[64];
    snprintf(fifo, sizeof(fifo), "%s/f", path);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_status(mote_image_open(fifo, NULL, &image, &last_error), MOTE_E_IMAGE_OPEN);
    unlink(fifo);
    rmdir(path);
}

static void test_open_refuses_what_is_no_guest(void **state)
{
    (void)state;
    mote_image *image = NULL;
    assert_status(mote_image_open("/proc/self/exe", NULL, &image, &last_error),
                  MOTE_E_IMAGE_RELOCATION);
    assert_status(mote_image_open("/etc/passwd", NULL, &image, &last_error), MOTE_E_IMAGE_FORMAT);
    assert_string_equal(last_error.subject, "/etc/passwd");
    assert_true(last_error.load.field[0] != '\0');
    assert_null(image);
}

static void test_no_memory_is_an_error(void **state)
{
    (void)state;
    mote_image *image = NULL;
    assert_status(mote_image_open(HELLO, &poor, &image, &last_error), MOTE_E_MEMORY);
    assert_status(mote_image_from_bytes("\x7f"
                                        "ELF",
                                        4, &poor, &image, &last_error),
                  MOTE_E_MEMORY);
    assert_null(image);
}

static void test_from_bytes_refuses_bad_arguments(void **state)
{
    (void)state;
    mote_image *image = NULL;
    assert_status(mote_image_from_bytes(NULL, 4, NULL, &image, &last_error), MOTE_E_ARGUMENT);
    assert_status(mote_image_from_bytes("", 0, NULL, NULL, &last_error), MOTE_E_ARGUMENT);
    assert_status(mote_image_from_bytes("", 0, &incomplete, &image, &last_error), MOTE_E_ARGUMENT);
    assert_status(mote_image_from_bytes("", 0, NULL, &image, &last_error), MOTE_E_IMAGE_FORMAT);
    assert_status(mote_image_from_bytes("not an ELF file", 15, NULL, &image, &last_error),
                  MOTE_E_IMAGE_FORMAT);
}

static void test_from_bytes_is_as_good_as_open(void **state)
{
    (void)state;
    static uint8_t file[1 << 22];
    mote_image *image = NULL;
    mote_image_facts facts = {.struct_size = sizeof(facts)};
    FILE *stream = fopen(HELLO, "rb");
    assert_non_null(stream);
    size_t n = fread(file, 1, sizeof(file), stream);
    fclose(stream);
    assert_ok(mote_image_from_bytes(file, n, NULL, &image, &last_error));
    memset(file, 0, sizeof(file));
    assert_ok(mote_image_facts_get(image, &facts, &last_error));
    assert_int_equal(facts.file_bytes, n);
    assert_string_equal(mote_image_function(image, 0)->name, "Abort");
    mote_image_unref(image);
}

static void replace_all(uint8_t *file, size_t n, const char *from, const char *to)
{
    size_t len_bytes = strlen(from) + 1;
    uint8_t *at = file;
    while ((at = memmem(at, n - (size_t)(at - file), from, len_bytes)) != NULL)
        memcpy(at, to, len_bytes);
}

static void assert_harmless(const char *text)
{
    for (; *text != '\0'; text++)
        assert_true((unsigned char)*text >= 0x20 && *text != 0x7F);
}

/* A file can name its functions as it likes; an error's text is one line without control
 * characters all the same. */
static void test_names_of_functions_are_harmless_in_texts(void **state)
{
    (void)state;
    static uint8_t file[1 << 22];
    static const char name[] = "SayHel\n\x1B";
    mote_image *image = NULL;
    FILE *stream = fopen(HELLO, "rb");
    assert_non_null(stream);
    size_t n = fread(file, 1, sizeof(file), stream);
    fclose(stream);
    replace_all(file, n, "SayHello", name);
    assert_ok(mote_image_from_bytes(file, n, NULL, &image, &last_error));
    assert_status(mote_image_check_call(image, "SayHelo", NULL, 0, MOTE_TYPE_ANY, &last_error),
                  MOTE_E_GUEST_ERROR);
    assert_non_null(strstr(last_error.text, "SayHel\\x0a\\x1b("));
    assert_harmless(last_error.text);
    assert_status(mote_image_check_call(image, name, NULL, 0, MOTE_TYPE_ANY, &last_error),
                  MOTE_E_GUEST_ERROR);
    assert_harmless(last_error.text);
    assert_string_equal(last_error.function, name);
    const mote_value text = mote_str("");
    assert_status(mote_image_check_call(image, name, &text, 1, MOTE_TYPE_I32, &last_error),
                  MOTE_E_TYPE);
    assert_harmless(last_error.text);
    const mote_value number = mote_i32(1);
    assert_status(mote_image_check_call(image, name, &number, 1, MOTE_TYPE_ANY, &last_error),
                  MOTE_E_GUEST_ERROR);
    assert_harmless(last_error.text);
    mote_image_unref(image);
}

/* The folder that a file is looked for in may be an enemy's too. */
static void test_the_name_of_a_folder_is_harmless_in_texts(void **state)
{
    (void)state;
    char folder[] = "/tmp/mote-\x1B[2J-XXXXXX";
    char before[256];
    mote_image *image = NULL;
    assert_non_null(getcwd(before, sizeof(before)));
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    mote_status status = mote_image_open("no.elf", NULL, &image, &last_error);
    assert_int_equal(chdir(before), 0);
    rmdir(folder);
    assert_status(status, MOTE_E_IMAGE_OPEN);
    assert_non_null(strstr(last_error.text, "searched in /tmp/mote-\\x1b[2J-"));
    assert_harmless(last_error.text);
}

static void test_facts_of_hello(void **state)
{
    (void)state;
    mote_image *image = open_image(HELLO);
    mote_image_facts facts = {.struct_size = sizeof(facts)};
    assert_ok(mote_image_facts_get(image, &facts, &last_error));
    assert_int_equal(facts.abi, MOTE_ABI_MOTE_1);
    assert_int_equal(facts.abi_version, 1);
    assert_true(facts.n_functions > 20 && facts.has_symbols);
    assert_true(facts.heap_bytes >= 0x1000 && facts.stack_bytes >= 0x1000);
    assert_true(facts.entry < facts.loaded_bytes);
    facts.struct_size--;
    assert_status(mote_image_facts_get(image, &facts, &last_error), MOTE_E_STRUCT_SIZE);
    assert_status(mote_image_facts_get(NULL, &facts, &last_error), MOTE_E_ARGUMENT);
    assert_status(mote_image_facts_get(image, NULL, &last_error), MOTE_E_ARGUMENT);
    mote_image_unref(image);
}

static void test_functions_come_sorted_with_their_types(void **state)
{
    (void)state;
    mote_image *image = open_image(HELLO);
    const mote_function *add = NULL;
    size_t i = 0;
    for (const mote_function *f; (f = mote_image_function(image, i)) != NULL; i++) {
        if (i > 0)
            assert_true(strcmp(mote_image_function(image, i - 1)->name, f->name) < 0);
        if (strcmp(f->name, "Add") == 0)
            add = f;
    }
    assert_non_null(add);
    assert_int_equal(add->returns, MOTE_TYPE_I32);
    assert_int_equal(add->n_params, 2);
    assert_int_equal(add->params[1], MOTE_TYPE_I32);
    assert_null(mote_image_function(image, i));
    assert_null(mote_image_function(image, SIZE_MAX));
    assert_null(mote_image_function(NULL, 0));
    mote_image_unref(image);
}

static void test_a_guest_of_0_1_declares_nothing(void **state)
{
    (void)state;
    mote_image *image = open_image(ABI01);
    mote_image_facts facts = {.struct_size = sizeof(facts)};
    assert_ok(mote_image_facts_get(image, &facts, &last_error));
    assert_int_equal(facts.abi, MOTE_ABI_HYPERLIGHT_0_1);
    assert_int_equal(facts.heap_bytes, 0x20000);
    assert_int_equal(facts.stack_bytes, 0x10000);
    assert_null(mote_image_function(image, 0));
    assert_ok(mote_image_check_call(image, "Any", NULL, 0, MOTE_TYPE_I32, &last_error));
    assert_status(mote_image_check_call(image, "Any", NULL, 0, MOTE_TYPE_ANY, &last_error),
                  MOTE_E_TYPE);
    mote_image_unref(image);
}

static void test_map_lists_regions_in_order(void **state)
{
    (void)state;
    mote_image *image = open_image(HELLO);
    mote_region regions[64];
    size_t n = 0;
    size_t n_again = 0;
    assert_ok(mote_image_map(image, NULL, regions, 64, &n, &last_error));
    assert_true(n > 16 && n <= 64);
    for (size_t i = 1; i < n; i++)
        assert_true(regions[i].start >= regions[i - 1].start + regions[i - 1].len_bytes);
    for (size_t i = 0; i < n; i++)
        assert_false((regions[i].rights & MOTE_RIGHT_WRITE) &&
                     (regions[i].rights & MOTE_RIGHT_EXECUTE));
    regions[2].name = "untouched";
    assert_ok(mote_image_map(image, NULL, regions, 2, &n_again, &last_error));
    assert_int_equal(n_again, n);
    assert_string_equal(regions[2].name, "untouched");
    assert_ok(mote_image_map(image, NULL, NULL, 0, &n_again, &last_error));
    mote_image_unref(image);
}

static void test_map_refuses_bad_arguments(void **state)
{
    (void)state;
    mote_image *image = open_image(HELLO);
    mote_config config = MOTE_CONFIG_INIT;
    mote_region regions[1];
    size_t n;
    assert_status(mote_image_map(NULL, NULL, regions, 1, &n, &last_error), MOTE_E_ARGUMENT);
    assert_status(mote_image_map(image, NULL, NULL, 1, &n, &last_error), MOTE_E_ARGUMENT);
    assert_status(mote_image_map(image, NULL, regions, 1, NULL, &last_error), MOTE_E_ARGUMENT);
    config.struct_size = 1;
    assert_status(mote_image_map(image, &config, regions, 1, &n, &last_error), MOTE_E_STRUCT_SIZE);
    config = (mote_config)MOTE_CONFIG_INIT;
    config.heap_bytes = (1ull << 30) + 1;
    assert_status(mote_image_map(image, &config, regions, 1, &n, &last_error), MOTE_E_TOO_LARGE);
    assert_non_null(strstr(last_error.text, "1073741824"));
    config.heap_bytes = 1ull << 30;
    assert_status(mote_image_map(image, &config, regions, 1, &n, &last_error),
                  MOTE_E_IMAGE_TOO_LARGE);
    mote_image_unref(image);
}

static void test_check_call_answers_before_any_guest_runs(void **state)
{
    (void)state;
    mote_image *image = open_image(HELLO);
    const mote_value two[] = {mote_i32(1), mote_i32(2)};
    const mote_value wrong = mote_i32(1);
    assert_ok(mote_image_check_call(image, "Add", two, 2, MOTE_TYPE_ANY, &last_error));
    assert_status(mote_image_check_call(NULL, "Add", two, 2, MOTE_TYPE_ANY, &last_error),
                  MOTE_E_ARGUMENT);
    assert_status(mote_image_check_call(image, NULL, two, 2, MOTE_TYPE_ANY, &last_error),
                  MOTE_E_ARGUMENT);
    assert_status(mote_image_check_call(image, "", two, 2, MOTE_TYPE_ANY, &last_error),
                  MOTE_E_ARGUMENT);
    assert_status(mote_image_check_call(image, "\xFF", two, 2, MOTE_TYPE_ANY, &last_error),
                  MOTE_E_ARGUMENT);
    assert_status(mote_image_check_call(image, "Add", two, 12, MOTE_TYPE_ANY, &last_error),
                  MOTE_E_ARGUMENT);
    assert_status(mote_image_check_call(image, "Add", two, 2, (mote_type)11, &last_error),
                  MOTE_E_ARGUMENT);
    assert_status(mote_image_check_call(image, "Add", two, 2, MOTE_TYPE_STR, &last_error),
                  MOTE_E_TYPE);
    assert_status(mote_image_check_call(image, "SayHelo", &wrong, 1, MOTE_TYPE_ANY, &last_error),
                  MOTE_E_GUEST_ERROR);
    assert_int_equal(last_error.guest_code, 4);
    assert_string_equal(last_error.message, "SayHelo");
    assert_non_null(strstr(last_error.text, "SayHello(str) -> str"));
    assert_status(mote_image_check_call(image, "EchoStr", two, 2, MOTE_TYPE_ANY, &last_error),
                  MOTE_E_GUEST_ERROR);
    assert_int_equal(last_error.guest_code, 5);
    assert_string_equal(last_error.message,
                        "Called function EchoStr with 2 parameters but it takes 1.");
    assert_status(mote_image_check_call(image, "EchoStr", &wrong, 1, MOTE_TYPE_ANY, &last_error),
                  MOTE_E_GUEST_ERROR);
    assert_int_equal(last_error.guest_code, 14);
    assert_string_equal(last_error.message, "Expected parameter type String for parameter index 0 "
                                            "of function EchoStr but got Int.");
    mote_image_unref(image);
}

static void test_unref_of_null_is_a_no_op(void **state)
{
    (void)state;
    mote_image_unref(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open_refuses_bad_arguments),
        cmocka_unit_test(test_open_says_why_a_file_cannot_be_read),
        cmocka_unit_test(test_open_does_not_wait_for_a_fifo),
        cmocka_unit_test(test_open_refuses_what_is_no_guest),
        cmocka_unit_test(test_no_memory_is_an_error),
        cmocka_unit_test(test_from_bytes_refuses_bad_arguments),
        cmocka_unit_test(test_from_bytes_is_as_good_as_open),
        cmocka_unit_test(test_names_of_functions_are_harmless_in_texts),
        cmocka_unit_test(test_the_name_of_a_folder_is_harmless_in_texts),
        cmocka_unit_test(test_facts_of_hello),
        cmocka_unit_test(test_functions_come_sorted_with_their_types),
        cmocka_unit_test(test_a_guest_of_0_1_declares_nothing),
        cmocka_unit_test(test_map_lists_regions_in_order),
        cmocka_unit_test(test_map_refuses_bad_arguments),
        cmocka_unit_test(test_check_call_answers_before_any_guest_runs),
        cmocka_unit_test(test_unref_of_null_is_a_no_op),
    };
    return cmocka_run_group_tests_name("image", tests, NULL, NULL);
}
