/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes that guests are given, and those that they give, against files in tests/abi/golden/: a
 * difference is a change of the ABI, or of what guests may have come to rely on. If it is meant,
 *
 *     MOTE_GOLDEN_WRITE=1 build/tests/abi_golden_test
 *
 * writes the files anew, and their difference belongs into the commit that changes the ABI.
 */
#include "abi/codes.h"
#include "abi/memory_map.h"
#include "abi/peb.h"
#include "abi/ports.h"
#include "host/driver/kvm/kvm_internal.h"
#include "host/memory/buffers.h"
#include "host/memory/exception.h"
#include "host/memory/peb.h"
#include "monitor/monitor.h"
#include "wire/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOLDER MOTE_SOURCE_DIR "/tests/abi/golden"
#define ROW_BYTES 16u

/* ---- Files of hexadecimal text ---- */

static FILE *made;
static char *made_text;
static size_t made_bytes;

static void begin(const char *what)
{
    made = open_memstream(&made_text, &made_bytes);
    assert_non_null(made);
    fprintf(made, "# SPDX-License-Identifier: Apache-2.0\n# %s. Written by abi_golden_test.\n",
            what);
}

/* Rows of zeroes are left out. */
static void add_block(const char *name, const uint8_t *data, size_t len_bytes)
{
    static const uint8_t zeroes[ROW_BYTES];
    fprintf(made, "\n%s, %zu bytes\n", name, len_bytes);
    for (size_t row = 0; row < len_bytes; row += ROW_BYTES) {
        size_t n = len_bytes - row < ROW_BYTES ? len_bytes - row : ROW_BYTES;
        if (memcmp(data + row, zeroes, n) == 0)
            continue;
        fprintf(made, "%06zx ", row);
        for (size_t i = 0; i < n; i++)
            fprintf(made, "%s%02x", i % 8 == 0 ? " " : "", data[row + i]);
        fputc('\n', made);
    }
}

static char *read_file(const char *path)
{
    static char text[256 * 1024];
    FILE *file = fopen(path, "r");
    if (file == NULL)
        fail_msg("%s cannot be read", path);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    return text;
}

static void write_file(const char *path)
{
    FILE *file = fopen(path, "w");
    if (file == NULL || fwrite(made_text, 1, made_bytes, file) != made_bytes || fclose(file) != 0)
        fail_msg("%s cannot be written", path);
    print_message("wrote %s\n", path);
}

/* The place of the first difference in a message, so that it can be found. */
static void compare(const char *path)
{
    const char *kept = read_file(path), *now = made_text;
    size_t line = 1;
    while (*kept != '\0' && *kept == *now) {
        line += *kept == '\n';
        kept++;
        now++;
    }
    if (*kept != *now)
        fail_msg("%s:%zu: differs: the ABI has changed", path, line);
}

static void end(const char *name)
{
    char path[512];
    fclose(made);
    snprintf(path, sizeof(path), "%s/%s.txt", FOLDER, name);
    if (getenv("MOTE_GOLDEN_WRITE") != NULL)
        write_file(path);
    else
        compare(path);
    free(made_text);
}

/* ---- A sandbox with Hyperlight 0.1's default layout ---- */

#define RX (MOTE_RIGHT_READ | MOTE_RIGHT_EXECUTE)
#define RW (MOTE_RIGHT_READ | MOTE_RIGHT_WRITE)

static struct mt_image_span spans[] = {
    {0x0000, 0x1000, MOTE_RIGHT_READ},
    {0x1000, 0x3000, RX},
    {0x4000, 0x1000, MOTE_RIGHT_READ},
    {0x5000, 0x3B000, RW},
};
static const struct mt_image image = {
    .memory_bytes = 0x40000, .alignment = 0x1000, .spans = spans, .n_spans = 4};

static const struct mt_sizes sizes = {
    .input = 0x4000,
    .output = 0x4000,
    .host_definitions = 0x1000,
    .host_exception = 0x4000,
    .guest_error = 0x100,
    .guest_panic = 0x400,
    .kernel_stack = 0x1000,
    .stack = 0x10000,
    .heap = 0x20000,
};

static struct mt_layout layout;
static uint8_t *memory;
static struct mt_window window;

static int make_sandbox(void **state)
{
    (void)state;
    if (mt_layout_init(&layout, &image, &sizes, NULL) != MOTE_OK)
        return -1;
    uint64_t len_bytes = layout.end - layout.private_start;
    memory = calloc(1, len_bytes);
    window =
        (struct mt_window){.host = memory, .start = layout.private_start, .len_bytes = len_bytes};
    return memory != NULL ? 0 : -1;
}

static int drop_sandbox(void **state)
{
    (void)state;
    free(memory);
    return 0;
}

static const uint8_t *at(uint64_t address)
{
    return memory + (address - layout.private_start);
}

/* ---- The tests ---- */

static void test_the_peb(void **state)
{
    (void)state;
    mt_peb_write(&layout, &window, 0x8877665544332211);
    begin("The process environment block of a sandbox with an image of 256 KiB and default sizes");
    add_block("PEB", at(layout.start[MT_PLACE_PEB]), sizeof(struct mt_peb));
    end("peb");
}

static void test_the_page_tables(void **state)
{
    (void)state;
    struct mt_region regions[32];
    assert_true(mt_layout_max_regions(&image) <= 32);
    const struct mt_plan plan = {
        .regions = regions,
        .n_regions = mt_layout_regions(&layout, &image, NULL, regions),
        .tables_start = layout.start[MT_PLACE_TABLES],
        .tables_len_bytes = layout.len_bytes[MT_PLACE_TABLES],
    };
    uint8_t *tables = calloc(1, plan.tables_len_bytes);
    assert_int_equal(
        mt_kvm_fill_tables(tables, &plan, MT_PAGE_BYTES, layout.end + MT_PAGE_BYTES, NULL),
        MOTE_OK);
    begin("The page tables of that sandbox on driver kvm, from 0x200000: PML4, PDPT, PD, PTs");
    for (uint64_t page = 0; page < plan.tables_len_bytes; page += MT_PAGE_BYTES) {
        char name[32];
        snprintf(name, sizeof(name), "page 0x%llx", (unsigned long long)(plan.tables_start + page));
        add_block(name, tables + page, MT_PAGE_BYTES);
    }
    end("page_tables");
    free(tables);
}

static void test_the_stub_page(void **state)
{
    (void)state;
    begin("The stub page at 0x180000 in a virtual machine: how a guest reaches its host");
    /* What lies behind is the host's own business. */
    add_block("stub page", mt_monitor_stub_page, MT_STUB_ENTER);
    end("stub_page");
}

static void test_the_host_exception(void **state)
{
    (void)state;
    const struct mt_exception exception = {"no \"key\"", "Lookup", 21, MOTE_E_HOST_FUNCTION};
    mt_exception_write(&layout, &window, &exception);
    begin("The host exception region after a host call that was tried and failed");
    add_block("host exception", at(layout.start[MT_PLACE_HOST_EXCEPTION]), 128);
    end("host_exception");
}

static struct mt_wire_view view_of(const char *text)
{
    return (struct mt_wire_view){(const uint8_t *)text, strlen(text)};
}

/* One value of each type, in the order of enum mt_wire_type. */
static const struct mt_wire_value values[] = {
    {.type = MT_WIRE_I32, .as.i32 = -2},
    {.type = MT_WIRE_U32, .as.u32 = 0x89ABCDEF},
    {.type = MT_WIRE_I64, .as.i64 = -3},
    {.type = MT_WIRE_U64, .as.u64 = 0x0123456789ABCDEF},
    {.type = MT_WIRE_F32, .as.f32 = 1.5F},
    {.type = MT_WIRE_F64, .as.f64 = -2.25},
    {.type = MT_WIRE_STR, .as.view = {(const uint8_t *)"t\xC3\xA9xt", 5}},
    {.type = MT_WIRE_BOOL, .as.boolean = true},
    {.type = MT_WIRE_BYTES, .as.view = {(const uint8_t *)"\x00\x01\xFE\xFF", 4}},
    {.type = MT_WIRE_VOID},
};

static _Alignas(8) uint8_t message[2048];

static void add_call(const char *name, const struct mt_wire_call *call)
{
    add_block(name, message, mt_wire_build_call(message, sizeof(message), call));
}

static void test_function_calls(void **state)
{
    (void)state;
    struct mt_wire_call call = {
        .name = view_of("Function"), .call_type = MT_WIRE_CALL_GUEST, .returns = MT_WIRE_I32};
    begin("FunctionCall");
    add_call("to a guest, without parameters", &call);
    call.n_params = 9;
    memcpy(call.params, values, 9 * sizeof(values[0]));
    call.returns = MT_WIRE_BYTES;
    add_call("to a guest, with a parameter of each type", &call);
    call.call_type = MT_WIRE_CALL_HOST;
    call.name = view_of("HostPrint");
    call.n_params = 1;
    call.params[0] = values[MT_WIRE_STR];
    call.returns = MT_WIRE_I32;
    add_call("to the host", &call);
    end("function_call");
}

static void test_function_call_results(void **state)
{
    (void)state;
    static const char *const names[] = {"int",    "uint",   "long", "ulong", "float",
                                        "double", "string", "bool", "bytes", "void"};
    begin("FunctionCallResult");
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        add_block(names[i], message, mt_wire_build_result(message, sizeof(message), &values[i]));
    end("function_call_result");
}

static void test_guest_errors(void **state)
{
    (void)state;
    struct mt_wire_error error = {.code = MT_GUEST_CODE_FUNCTION_NOT_FOUND,
                                  .message = view_of("Echo")};
    begin("GuestError");
    add_block("with a text", message, mt_wire_build_error(message, sizeof(message), &error));
    error = (struct mt_wire_error){.code = UINT64_MAX, .message = view_of("")};
    add_block("without", message, mt_wire_build_error(message, sizeof(message), &error));
    end("guest_error");
}

static void test_log_records(void **state)
{
    (void)state;
    const struct mt_wire_log log = {
        .message = view_of("message"),
        .source = view_of("source"),
        .caller = view_of("caller"),
        .source_file = view_of("file.c"),
        .level = MT_LOG_LEVEL_WARNING,
        .line = 1234,
    };
    begin("GuestLogData");
    add_block("of level warning", message, mt_wire_build_log(message, sizeof(message), &log));
    end("guest_log_data");
}

static void test_host_function_definitions(void **state)
{
    (void)state;
    struct mt_wire_definition definitions[2] = {
        {.name = view_of("Every"), .returns = MT_WIRE_VOID, .n_params = 9},
        {.name = view_of("HostPrint"),
         .returns = MT_WIRE_I32,
         .n_params = 1,
         .params = {MT_WIRE_STR}},
    };
    for (size_t i = 0; i < 9; i++)
        definitions[0].params[i] = (enum mt_wire_type)i;
    begin("HostFunctionDetails");
    add_block("none", message, mt_wire_build_definitions(message, sizeof(message), definitions, 0));
    add_block("two", message, mt_wire_build_definitions(message, sizeof(message), definitions, 2));
    end("host_function_details");
}

/* A call on the input buffer and a result above it, with what lies between elements. */
static void test_the_input_buffer(void **state)
{
    (void)state;
    struct mt_buffers buffers;
    const struct mt_wire_call call = {.name = view_of("Echo"),
                                      .call_type = MT_WIRE_CALL_GUEST,
                                      .returns = MT_WIRE_STR,
                                      .n_params = 1,
                                      .params = {values[MT_WIRE_STR]}};
    mt_buffers_init(&buffers, &layout, &window);
    mt_buffers_reset(&buffers);
    begin("The two buffers");
    add_block("input, empty", at(layout.start[MT_PLACE_INPUT]), 64);
    add_block("output, empty", at(layout.start[MT_PLACE_OUTPUT]), 64);
    assert_int_equal(mt_buffers_put_call(&buffers, &call, NULL), MOTE_OK);
    add_block("input, with a call", at(layout.start[MT_PLACE_INPUT]), 512);
    assert_int_equal(mt_buffers_put_result(&buffers, &values[MT_WIRE_I32], NULL), MOTE_OK);
    add_block("input, with a result of a host call above it", at(layout.start[MT_PLACE_INPUT]),
              512);
    end("buffers");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_peb),
        cmocka_unit_test(test_the_page_tables),
        cmocka_unit_test(test_the_stub_page),
        cmocka_unit_test(test_the_host_exception),
        cmocka_unit_test(test_function_calls),
        cmocka_unit_test(test_function_call_results),
        cmocka_unit_test(test_guest_errors),
        cmocka_unit_test(test_log_records),
        cmocka_unit_test(test_host_function_definitions),
        cmocka_unit_test(test_the_input_buffer),
    };
    return cmocka_run_group_tests(tests, make_sandbox, drop_sandbox);
}
