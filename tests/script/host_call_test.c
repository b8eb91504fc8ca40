/* SPDX-License-Identifier: Apache-2.0 */
/* Host calls: every type both ways, and everything that can be wrong with one. */
#include "tests/script/fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static mote_status echo(void *context, const mote_value *args, size_t n_args, mote_value *result,
                        mote_error *err)
{
    (void)err;
    (*(int *)context)++;
    *result = n_args > 0 ? args[0] : mote_void();
    return MOTE_OK;
}

static void add(struct guest *guest, const char *name, mote_host_fn fn, void *context,
                mote_type returns, size_t n_params, mote_type param)
{
    mote_host_function function = {
        .name = name, .fn = fn, .context = context, .returns = returns, .n_params = n_params};
    for (size_t i = 0; i < n_params; i++)
        function.params[i] = param;
    assert_fine(mote_sandbox_register(guest->sandbox, &function, &last_error));
}

/* A guest that may call F (types as given), ready. */
static void open_with(struct guest *guest, mote_host_fn fn, void *context, mote_type returns,
                      size_t n_params, mote_type param)
{
    guest_open(guest, GUEST_01, NULL);
    add(guest, "F", fn, context, returns, n_params, param);
    guest_start(guest);
    assert_fine(guest_init(guest));
}

/* The same of a mote guest, which takes calls of any name. */
static void open_mote_with(struct guest *guest, mote_host_fn fn, void *context)
{
    guest_file()->note.description.flags = MT_NOTE_FLAG_OPEN;
    guest_open(guest, GUEST_MOTE, NULL);
    add(guest, "F", fn, context, MOTE_TYPE_I32, 0, MOTE_TYPE_I32);
    guest_start(guest);
    assert_fine(guest_init(guest));
}

static mote_status call_i32(struct guest *guest)
{
    return guest_call(guest, "Any", NULL, 0, MOTE_TYPE_I32, NULL);
}

/* ---- What should work ---- */

static const uint8_t some_bytes[] = {9, 0, 255};

static const struct mt_wire_value values[] = {
    {.type = MT_WIRE_I32, .as.i32 = -5},
    {.type = MT_WIRE_U32, .as.u32 = UINT32_MAX},
    {.type = MT_WIRE_I64, .as.i64 = INT64_MIN},
    {.type = MT_WIRE_U64, .as.u64 = UINT64_MAX},
    {.type = MT_WIRE_F32, .as.f32 = 0.25f},
    {.type = MT_WIRE_F64, .as.f64 = -1e-300},
    {.type = MT_WIRE_STR, .as.view = {(const uint8_t *)"h\xC3\xA9", 3}},
    {.type = MT_WIRE_BOOL, .as.boolean = true},
    {.type = MT_WIRE_BYTES, .as.view = {some_bytes, sizeof(some_bytes)}},
};

/* The answer lies on top of the input buffer, above the call. */
static void read_answer(struct mt_machine *machine, void *context)
{
    const struct guest *guest = context;
    uint64_t input = guest_place(guest, MT_PLACE_INPUT);
    uint64_t sp = guest_word(guest, input);
    uint64_t start = guest_word(guest, input + sp - 8);
    struct mt_window window = mt_script_memory(machine);
    struct mt_wire_value got;
    struct mt_wire_fault fault;
    assert_true(mt_wire_read_result(window.host + (input + start - window.start), sp - 8 - start,
                                    &got, &fault));
    assert_int_equal(guest_word(guest, guest_place(guest, MT_PLACE_OUTPUT)), 8);
    assert_in_range(got.type, MT_WIRE_I32, MT_WIRE_BYTES);
    const struct mt_wire_value *sent = &values[got.type];
    if (got.type == MT_WIRE_STR || got.type == MT_WIRE_BYTES) {
        assert_int_equal(got.as.view.len, sent->as.view.len);
        assert_memory_equal(got.as.view.data, sent->as.view.data, sent->as.view.len);
    } else {
        static const uint8_t sizes[] = {4, 4, 8, 8, 4, 8, 0, 1};
        assert_memory_equal(&got.as, &sent->as, sizes[got.type]);
    }
}

static void test_every_type_goes_there_and_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        struct guest guest;
        int n_calls = 0;
        mote_type type = (mote_type)values[i].type;
        open_with(&guest, echo, &n_calls, type, 1, type);
        guest_push_call(&guest, "F", &values[i], 1);
        guest_out(&guest, MT_PORT_CALL, 0);
        struct mt_script_step *step = guest_interrupted(&guest);
        step->act = read_answer;
        step->context = &guest;
        guest_push_i32(&guest, 1);
        guest_done(&guest);
        assert_fine(call_i32(&guest));
        assert_int_equal(n_calls, 1);
        mote_sandbox_stats stats = guest_stats(&guest);
        assert_int_equal(stats.host_calls, 1);
        assert_int_equal(stats.last_host_calls, 1);
        guest_close(&guest);
    }
}

/* How full the input buffer is after a call that calls the host so many times. */
static uint64_t input_after(int n_host_calls)
{
    struct guest guest;
    int n_calls = 0;
    open_with(&guest, echo, &n_calls, MOTE_TYPE_I32, 1, MOTE_TYPE_I32);
    for (int i = 0; i < n_host_calls; i++) {
        guest_push_call(&guest, "F", &values[0], 1);
        guest_out(&guest, MT_PORT_CALL, 0);
    }
    guest_push_i32(&guest, 1);
    guest_done(&guest);
    assert_fine(call_i32(&guest));
    assert_int_equal(n_calls, n_host_calls);
    uint64_t filled = guest_word(&guest, guest_place(&guest, MT_PLACE_INPUT));
    guest_close(&guest);
    return filled;
}

static void test_many_host_calls_take_the_same_place(void **state)
{
    (void)state;
    assert_true(input_after(1) > input_after(0));
    assert_int_equal(input_after(20), input_after(1));
}

static void test_host_print_is_always_there(void **state)
{
    (void)state;
    const struct mt_wire_value text = {.type = MT_WIRE_STR, .as.view = {(const uint8_t *)"", 0}};
    struct guest guest;
    guest_open(&guest, GUEST_01, NULL);
    /* Also while the guest initialises, when no other is answered. */
    guest_push_call(&guest, "HostPrint", &text, 1);
    guest_out(&guest, MT_PORT_CALL, 0);
    guest_start(&guest);
    assert_fine(guest_init(&guest));
    guest_close(&guest);
}

static void test_host_calls_in_init_need_leave(void **state)
{
    (void)state;
    for (int is_allowed = 0; is_allowed < 2; is_allowed++) {
        mote_config config = MOTE_CONFIG_INIT;
        struct guest guest;
        int n_calls = 0;
        config.host_calls_in_init = is_allowed;
        guest_open(&guest, GUEST_01, &config);
        add(&guest, "F", echo, &n_calls, MOTE_TYPE_VOID, 0, MOTE_TYPE_I32);
        guest_push_call(&guest, "F", NULL, 0);
        guest_out(&guest, MT_PORT_CALL, 0);
        guest_start(&guest);
        assert_error(guest_init(&guest), is_allowed ? MOTE_OK : MOTE_E_HOST_FUNCTION_UNKNOWN);
        assert_int_equal(n_calls, is_allowed);
        assert_state(&guest, is_allowed ? MOTE_SANDBOX_READY : MOTE_SANDBOX_POISONED);
        guest_close(&guest);
    }
}

/* ---- What the host can do wrong ---- */

static void test_functions_whose_descriptions_do_not_fit_are_refused(void **state)
{
    (void)state;
    char name[80];
    int n_calls = 0;
    struct guest guest;
    mote_host_function function = {.name = name, .fn = echo, .context = &n_calls};
    mote_status status = MOTE_OK;
    size_t n = 0;
    guest_open(&guest, GUEST_01, NULL);
    for (; n < 100 && status == MOTE_OK; n++) {
        snprintf(name, sizeof(name), "AHostFunctionWhoseNameIsRatherLongSoThatFewerAreNeeded%zu",
                 n);
        function.returns = MOTE_TYPE_VOID;
        status = mote_sandbox_register(guest.sandbox, &function, &last_error);
    }
    assert_error(status, MOTE_E_DEFINITIONS_FULL);
    assert_in_range(n, 20, 60);                     /* of about 100 bytes each, in 4 KiB */
    assert_int_equal(guest.sandbox->registry.n, n); /* HostPrint too, and not the last one */
    guest_start(&guest);
    assert_fine(guest_init(&guest));
    guest_close(&guest);
}

/* ---- What the guest can do wrong ---- */

struct wrong_call {
    const char *name;
    size_t n_params;
    const struct mt_wire_value *params;
    mote_status wanted;
    const char *text; /* a part of the error's */
};

static void test_wrong_host_calls_poison_and_reach_no_function(void **state)
{
    (void)state;
    static const struct wrong_call wrong[] = {
        {"G", 1, &values[0], MOTE_E_HOST_FUNCTION_UNKNOWN, "G"},
        {"f", 1, &values[0], MOTE_E_HOST_FUNCTION_UNKNOWN, "f"},
        {"FF", 1, &values[0], MOTE_E_HOST_FUNCTION_UNKNOWN, "FF"},
        {"\x1B]0;", 1, &values[0], MOTE_E_HOST_FUNCTION_UNKNOWN, "\\x1b]0;"},
        {"F", 0, NULL, MOTE_E_HOST_FUNCTION_ARGUMENTS, "takes 1 arguments and got 0"},
        {"F", 2, values, MOTE_E_HOST_FUNCTION_ARGUMENTS, "takes 1 arguments and got 2"},
        {"F", 1, &values[1], MOTE_E_HOST_FUNCTION_ARGUMENTS, "is i32 and got u32"},
        {"F", 1, &values[6], MOTE_E_HOST_FUNCTION_ARGUMENTS, "is i32 and got str"},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct guest guest;
        int n_calls = 0;
        open_with(&guest, echo, &n_calls, MOTE_TYPE_I32, 1, MOTE_TYPE_I32);
        guest_push_call(&guest, wrong[i].name, wrong[i].params, wrong[i].n_params);
        guest_out(&guest, MT_PORT_CALL, 0);
        assert_error(call_i32(&guest), wrong[i].wanted);
        assert_string_equal(last_error.function, wrong[i].name);
        assert_non_null(strstr(last_error.text, wrong[i].text));
        assert_int_equal(n_calls, 0);
        assert_state(&guest, MOTE_SANDBOX_POISONED);
        guest_close(&guest);
    }
}

static void test_a_name_with_a_nul_is_not_its_beginning(void **state)
{
    (void)state;
    struct guest guest;
    int n_calls = 0;
    uint8_t message[256] __attribute__((aligned(8)));
    const struct mt_wire_call call = {.name = {(const uint8_t *)"F\0x", 3},
                                      .call_type = MT_WIRE_CALL_HOST,
                                      .returns = MT_WIRE_I32,
                                      .n_params = 1,
                                      .params = {values[0]}};
    size_t len_bytes = mt_wire_build_call(message, sizeof(message), &call);
    open_with(&guest, echo, &n_calls, MOTE_TYPE_I32, 1, MOTE_TYPE_I32);
    guest_push(&guest, message, len_bytes);
    guest_out(&guest, MT_PORT_CALL, 0);
    assert_error(call_i32(&guest), MOTE_E_HOST_FUNCTION_UNKNOWN);
    assert_int_equal(n_calls, 0);
    guest_close(&guest);
}

static void test_a_message_that_is_no_host_call_poisons(void **state)
{
    (void)state;
    const struct mt_wire_call to_guest = {
        .name = {(const uint8_t *)"F", 1}, .call_type = MT_WIRE_CALL_GUEST, .returns = MT_WIRE_I32};
    uint8_t message[256] __attribute__((aligned(8)));
    int n_calls = 0;
    for (unsigned i = 0; i < 3; i++) {
        struct guest guest;
        open_with(&guest, echo, &n_calls, MOTE_TYPE_VOID, 0, MOTE_TYPE_I32);
        if (i == 0)
            guest_push(&guest, message, mt_wire_build_call(message, sizeof(message), &to_guest));
        else if (i == 1)
            guest_push_i32(&guest, 1);
        else
            guest_push_log(&guest, 2, "text");
        guest_out(&guest, MT_PORT_CALL, 0);
        assert_error(call_i32(&guest), MOTE_E_PROTOCOL);
        assert_string_equal(last_error.protocol_buffer, "output");
        guest_close(&guest);
    }
    assert_int_equal(n_calls, 0);
}

static void test_a_malformed_host_call_is_not_looked_at(void **state)
{
    (void)state;
    const uint32_t message[] = {12, 0, 0, 0}; /* no root */
    int n_calls = 0;
    struct guest guest;
    open_with(&guest, echo, &n_calls, MOTE_TYPE_VOID, 0, MOTE_TYPE_I32);
    guest_push(&guest, message, sizeof(message));
    guest_out(&guest, MT_PORT_CALL, 0);
    assert_error(call_i32(&guest), MOTE_E_PROTOCOL);
    assert_string_equal(last_error.protocol_field, "root");
    assert_int_equal(n_calls, 0);
    guest_close(&guest);
}

/* ---- What the host function can do wrong ---- */

/* Standard output takes nothing; more text than any buffer of it holds. */
static void test_a_print_that_cannot_be_written_fails(void **state)
{
    (void)state;
    static uint8_t bytes[12000];
    const struct mt_wire_value text = {.type = MT_WIRE_STR, .as.view = {bytes, sizeof(bytes)}};
    struct guest guest;
    memset(bytes, 'x', sizeof(bytes));
    guest_ready(&guest, GUEST_01, NULL);
    guest_push_call(&guest, "HostPrint", &text, 1);
    guest_out(&guest, MT_PORT_CALL, 0);
    fflush(stdout);
    int kept = dup(STDOUT_FILENO);
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_true(kept >= 0 && full >= 0);
    assert_true(dup2(full, STDOUT_FILENO) >= 0);
    mote_status status = call_i32(&guest);
    __fpurge(stdout);
    clearerr(stdout);
    assert_true(dup2(kept, STDOUT_FILENO) >= 0);
    close(kept);
    close(full);
    assert_error(status, MOTE_E_HOST_FUNCTION);
    assert_string_equal(last_error.function, "HostPrint");
    guest_close(&guest);
}

static mote_status refuse(void *context, const mote_value *args, size_t n_args, mote_value *result,
                          mote_error *err)
{
    (void)context;
    (void)args;
    (void)n_args;
    (void)result;
    return mote_host_fail(err, 42, "no \x1B %d", 7);
}

static mote_status fail_with(void *context, const mote_value *args, size_t n_args,
                             mote_value *result, mote_error *err)
{
    (void)args;
    (void)n_args;
    (void)result;
    return mote_host_fail(err, 1, "%s", (const char *)context);
}

static mote_status fail_by_status(void *context, const mote_value *args, size_t n_args,
                                  mote_value *result, mote_error *err)
{
    (void)args;
    (void)n_args;
    (void)result;
    (void)err;
    return *(mote_status *)context;
}

static mote_status give(void *context, const mote_value *args, size_t n_args, mote_value *result,
                        mote_error *err)
{
    (void)args;
    (void)n_args;
    (void)err;
    *result = *(mote_value *)context;
    return MOTE_OK;
}

static mote_status run_f(struct guest *guest)
{
    guest_push_call(guest, "F", NULL, 0);
    guest_out(guest, MT_PORT_CALL, 0);
    guest_push_i32(guest, 1);
    guest_done(guest);
    return call_i32(guest);
}

static void test_a_failing_host_function_ends_the_call(void **state)
{
    (void)state;
    struct guest guest;
    open_with(&guest, refuse, NULL, MOTE_TYPE_VOID, 0, MOTE_TYPE_I32);
    assert_error(run_f(&guest), MOTE_E_HOST_FUNCTION);
    assert_int_equal(last_error.guest_code, 42);
    assert_string_equal(last_error.function, "F");
    assert_string_equal(last_error.message, "no \x1B 7");
    assert_state(&guest, MOTE_SANDBOX_POISONED);
    guest_close(&guest);
    static const mote_status statuses[] = {MOTE_E_BUSY, MOTE_E_SYSTEM, MOTE_E_GUEST_ERROR,
                                           (mote_status)12345};
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        mote_status status = statuses[i];
        open_with(&guest, fail_by_status, &status, MOTE_TYPE_VOID, 0, MOTE_TYPE_I32);
        assert_error(run_f(&guest), MOTE_E_HOST_FUNCTION);
        assert_string_equal(last_error.message, mote_status_meaning(status));
        assert_state(&guest, MOTE_SANDBOX_POISONED);
        guest_close(&guest);
    }
}

/* The length in the host exception region. */
static uint32_t exception_bytes(const struct guest *guest)
{
    return (uint32_t)guest_word(guest, guest_place(guest, MT_PLACE_HOST_EXCEPTION));
}

static mote_status try_f(struct guest *guest, const char *function)
{
    guest_push_call(guest, function, NULL, 0);
    guest_out(guest, MT_PORT_TRY_CALL, 0);
    guest_push_i32(guest, 1);
    guest_done(guest);
    return call_i32(guest);
}

/* Whether the guest is told this, among all that it is told. */
static bool is_told(const struct guest *guest, const char *text)
{
    struct mt_window window = mt_script_memory(guest->sandbox->machine);
    uint64_t at = guest_place(guest, MT_PLACE_HOST_EXCEPTION) - window.start;
    return memmem(window.host + at, 8 + exception_bytes(guest), text, strlen(text)) != NULL;
}

/* A text that is too long ends with the last whole character, whatever it begins with. */
static void test_a_long_failure_is_cut_between_characters(void **state)
{
    (void)state;
    static const char *const characters[] = {"x", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};
    for (size_t i = 0; i < 4 * 4; i++) {
        size_t n_bytes = i / 4 + 1, n_before = i % 4;
        char text[2000] = "";
        struct guest guest;
        memset(text, 'a', n_before);
        while (strlen(text) + n_bytes < sizeof(text))
            strcat(text, characters[i / 4]);
        open_with(&guest, fail_with, text, MOTE_TYPE_I32, 0, MOTE_TYPE_I32);
        assert_error(run_f(&guest), MOTE_E_HOST_FUNCTION);
        size_t len = strlen(last_error.message);
        assert_int_equal(len, n_before + (1023 - n_before) / n_bytes * n_bytes);
        assert_memory_equal(last_error.message, text, len);
        guest_close(&guest);
    }
}

static void test_a_guest_that_tries_goes_on_and_is_told_why(void **state)
{
    (void)state;
    struct guest guest;
    open_mote_with(&guest, refuse, NULL);
    assert_fine(try_f(&guest, "F"));
    assert_in_range(exception_bytes(&guest), 20, 200);
    assert_true(is_told(&guest, "no "));
    assert_false(is_told(&guest, "failed with code"));
    assert_state(&guest, MOTE_SANDBOX_READY);
    assert_fine(try_f(&guest, "HostPrint_"));
    assert_in_range(exception_bytes(&guest), 20, 200);
    assert_true(is_told(&guest, "host function HostPrint_"));
    guest_close(&guest);
    mote_value one = mote_i32(1);
    open_mote_with(&guest, give, &one);
    guest_set_word(&guest, guest_place(&guest, MT_PLACE_HOST_EXCEPTION), UINT64_MAX);
    assert_fine(try_f(&guest, "F"));
    assert_int_equal(exception_bytes(&guest), 0);
    guest_close(&guest);
}

/* Trying is about host functions; what breaks the ABI ends the call. */
static void test_a_guest_that_tries_nonsense_is_stopped(void **state)
{
    (void)state;
    struct guest guest;
    open_mote_with(&guest, refuse, NULL);
    guest_push_i32(&guest, 1);
    guest_out(&guest, MT_PORT_TRY_CALL, 0);
    assert_error(call_i32(&guest), MOTE_E_PROTOCOL);
    assert_state(&guest, MOTE_SANDBOX_POISONED);
    guest_close(&guest);
}

static void test_a_guest_of_01_has_no_port_to_try(void **state)
{
    (void)state;
    struct guest guest;
    guest_ready(&guest, GUEST_01, NULL);
    guest_push_call(&guest, "HostPrint", NULL, 0);
    guest_out(&guest, MT_PORT_TRY_CALL, 0);
    assert_error(guest_call(&guest, "Echo", NULL, 0, MOTE_TYPE_I32, NULL), MOTE_E_PROTOCOL);
    assert_int_equal(last_error.protocol_value, MT_PORT_TRY_CALL);
    guest_close(&guest);
}

static void test_a_result_that_is_none_is_the_host_functions_failure(void **state)
{
    (void)state;
    static const char bad_text[] = "\xFF";
    mote_value wrong[] = {
        mote_i32(1), mote_str_n(bad_text, 1), {.type = (mote_type)77}, {.type = MOTE_TYPE_ANY}};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct guest guest;
        open_with(&guest, give, &wrong[i], MOTE_TYPE_STR, 0, MOTE_TYPE_I32);
        assert_error(run_f(&guest), MOTE_E_HOST_FUNCTION);
        assert_state(&guest, MOTE_SANDBOX_POISONED);
        guest_close(&guest);
    }
}

static void test_a_result_larger_than_the_room_left_is_refused_at_the_byte(void **state)
{
    (void)state;
    static char text[0x4000];
    memset(text, 't', sizeof(text));
    size_t fits = 0;
    for (size_t len = 0x3E00; len < 0x4000; len++) {
        struct guest guest;
        mote_value large = mote_str_n(text, len);
        open_with(&guest, give, &large, MOTE_TYPE_STR, 0, MOTE_TYPE_I32);
        mote_status status = run_f(&guest);
        if (status == MOTE_OK)
            fits = len;
        else
            assert_error(status, MOTE_E_INPUT_FULL);
        uint64_t input = guest_place(&guest, MT_PLACE_INPUT);
        assert_true(guest_word(&guest, input) <= 0x4000);
        /* The output buffer follows: empty, or with the guest's own result. */
        assert_int_equal(guest_word(&guest, input + 0x4000), status == MOTE_OK ? 64 : 8);
        guest_close(&guest);
        if (status != MOTE_OK)
            break;
    }
    assert_in_range(fits, 0x3E00, 0x3FF0);
}

struct reentry {
    struct guest *guest;
    mote_status called;
    mote_status destroyed;
    mote_status counted;
};

static mote_status reenter(void *context, const mote_value *args, size_t n_args, mote_value *result,
                           mote_error *err)
{
    struct reentry *reentry = context;
    mote_sandbox *sandbox = reentry->guest->sandbox;
    mote_sandbox_stats stats = {.struct_size = sizeof(stats)};
    (void)args;
    (void)n_args;
    (void)err;
    *result = mote_void();
    reentry->called = mote_call(sandbox, "Any", NULL, 0, MOTE_TYPE_I32, NULL, NULL);
    reentry->destroyed = mote_sandbox_destroy(sandbox);
    reentry->counted = mote_sandbox_stats_get(sandbox, &stats, NULL);
    return MOTE_OK;
}

static void test_a_host_function_cannot_use_its_own_sandbox(void **state)
{
    (void)state;
    struct guest guest;
    struct reentry reentry = {.guest = &guest};
    open_with(&guest, reenter, &reentry, MOTE_TYPE_VOID, 0, MOTE_TYPE_I32);
    assert_fine(run_f(&guest));
    assert_int_equal(reentry.called, MOTE_E_REENTRY);
    assert_int_equal(reentry.destroyed, MOTE_E_REENTRY);
    assert_int_equal(reentry.counted, MOTE_E_REENTRY);
    assert_state(&guest, MOTE_SANDBOX_READY);
    guest_close(&guest);
}

static mote_status use_another(void *context, const mote_value *args, size_t n_args,
                               mote_value *result, mote_error *err)
{
    struct guest *other = context;
    (void)args;
    (void)n_args;
    (void)err;
    *result = mote_void();
    guest_push_i32(other, 3);
    guest_done(other);
    assert_fine(guest_call(other, "Any", NULL, 0, MOTE_TYPE_I32, NULL));
    return MOTE_OK;
}

static void test_a_host_function_may_use_another_sandbox(void **state)
{
    (void)state;
    struct guest guest;
    struct guest other;
    guest_ready(&other, GUEST_01, NULL);
    open_with(&guest, use_another, &other, MOTE_TYPE_VOID, 0, MOTE_TYPE_I32);
    assert_fine(run_f(&guest));
    assert_int_equal(guest_stats(&other).calls, 1);
    guest_close(&guest);
    guest_close(&other);
}

static mote_status sleep_20_ms(void *context, const mote_value *args, size_t n_args,
                               mote_value *result, mote_error *err)
{
    const struct timespec time = {.tv_nsec = 20000000};
    (void)context;
    (void)args;
    (void)n_args;
    (void)err;
    *result = mote_void();
    nanosleep(&time, NULL);
    return MOTE_OK;
}

static void test_a_host_function_past_the_limit_is_named_when_the_guest_is_stopped(void **state)
{
    (void)state;
    mote_config config = MOTE_CONFIG_INIT;
    struct guest guest;
    config.time_limit_us = 1000;
    config.cancel_wait_us = 1000;
    guest_open(&guest, GUEST_01, &config);
    add(&guest, "F", sleep_20_ms, NULL, MOTE_TYPE_VOID, 0, MOTE_TYPE_I32);
    guest_start(&guest);
    assert_fine(guest_init(&guest));
    guest_push_call(&guest, "F", NULL, 0);
    guest_out(&guest, MT_PORT_CALL, 0);
    guest_interrupted(&guest)->waits = true;
    assert_error(call_i32(&guest), MOTE_E_TIME_LIMIT);
    assert_string_equal(last_error.function, "F");
    assert_true(last_error.limit.elapsed_us >= 20000);
    guest_close(&guest);
}

/* Its child has no guest, and must not go on as if it had. */
static mote_status fork_within(void *context, const mote_value *args, size_t n_args,
                               mote_value *result, mote_error *err)
{
    (void)args;
    (void)n_args;
    (void)err;
    *result = mote_void();
    *(pid_t *)context = fork();
    return MOTE_OK;
}

static void test_a_host_function_that_returns_in_a_forked_child_ends_the_call_there(void **state)
{
    (void)state;
    struct guest guest;
    pid_t child = -1;
    int ended = -1;
    open_with(&guest, fork_within, &child, MOTE_TYPE_VOID, 0, MOTE_TYPE_I32);
    mote_status status = run_f(&guest);
    if (child == 0) {
        bool is_named = strstr(last_error.text, "host function F ") != NULL;
        _exit(status == MOTE_E_FORKED && is_named ? 0 : 1);
    }
    assert_fine(status);
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &ended, 0), child);
    assert_int_equal(ended, 0);
    guest_close(&guest);
}

/* A guest whose host functions run under a filter. Valgrind knows no filters with listeners. */
static void open_filtered(struct guest *guest, mote_config *config)
{
    config->filter_host_functions = true;
    if (guest_try_open(guest, GUEST_01, config) == MOTE_E_SYSTEM) {
        print_message("skipped: no worker here: %s\n", last_error.text);
        guest_close(guest);
        skip();
    }
}

static void note_thread(void *context, const char *text, size_t len_bytes)
{
    (void)text;
    (void)len_bytes;
    *(pthread_t *)context = pthread_self();
}

/* It makes system calls of its own, and whoever gave the callback expects it on his thread. */
static void test_the_librarys_own_print_is_not_filtered(void **state)
{
    (void)state;
    const struct mt_wire_value text = {.type = MT_WIRE_STR, .as.view = {(const uint8_t *)"t", 1}};
    mote_config config = MOTE_CONFIG_INIT;
    struct guest guest;
    pthread_t printed_on = 0;
    config.print = note_thread;
    config.print_context = &printed_on;
    open_filtered(&guest, &config);
    guest_start(&guest);
    assert_fine(guest_init(&guest));
    guest_push_call(&guest, "HostPrint", &text, 1);
    guest_out(&guest, MT_PORT_CALL, 0);
    guest_push_i32(&guest, 1);
    guest_done(&guest);
    assert_fine(call_i32(&guest));
    assert_true(pthread_equal(printed_on, pthread_self()));
    guest_close(&guest);
}

/* Its sleep is a system call. */
static void test_a_filtered_host_function_is_refused_system_calls(void **state)
{
    (void)state;
    mote_config config = MOTE_CONFIG_INIT;
    struct guest guest;
    int n_calls = 0;
    open_filtered(&guest, &config);
    add(&guest, "F", sleep_20_ms, NULL, MOTE_TYPE_VOID, 0, MOTE_TYPE_I32);
    add(&guest, "G", echo, &n_calls, MOTE_TYPE_VOID, 0, MOTE_TYPE_I32);
    guest_start(&guest);
    assert_fine(guest_init(&guest));
    guest_push_call(&guest, "G", NULL, 0);
    guest_out(&guest, MT_PORT_CALL, 0);
    guest_push_call(&guest, "F", NULL, 0);
    guest_out(&guest, MT_PORT_CALL, 0);
    assert_error(call_i32(&guest), MOTE_E_SYSTEM_CALL);
    assert_string_equal(last_error.function, "F");
    assert_int_equal(n_calls, 1);
    assert_state(&guest, MOTE_SANDBOX_POISONED);
    guest_close(&guest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_type_goes_there_and_back),
        cmocka_unit_test(test_many_host_calls_take_the_same_place),
        cmocka_unit_test(test_host_print_is_always_there),
        cmocka_unit_test(test_host_calls_in_init_need_leave),
        cmocka_unit_test(test_functions_whose_descriptions_do_not_fit_are_refused),
        cmocka_unit_test(test_wrong_host_calls_poison_and_reach_no_function),
        cmocka_unit_test(test_a_name_with_a_nul_is_not_its_beginning),
        cmocka_unit_test(test_a_message_that_is_no_host_call_poisons),
        cmocka_unit_test(test_a_malformed_host_call_is_not_looked_at),
        cmocka_unit_test(test_a_print_that_cannot_be_written_fails),
        cmocka_unit_test(test_a_failing_host_function_ends_the_call),
        cmocka_unit_test(test_a_result_that_is_none_is_the_host_functions_failure),
        cmocka_unit_test(test_a_long_failure_is_cut_between_characters),
        cmocka_unit_test(test_a_guest_that_tries_goes_on_and_is_told_why),
        cmocka_unit_test(test_a_guest_that_tries_nonsense_is_stopped),
        cmocka_unit_test(test_a_guest_of_01_has_no_port_to_try),
        cmocka_unit_test(test_a_result_larger_than_the_room_left_is_refused_at_the_byte),
        cmocka_unit_test(test_a_host_function_cannot_use_its_own_sandbox),
        cmocka_unit_test(test_a_host_function_may_use_another_sandbox),
        cmocka_unit_test(test_a_host_function_past_the_limit_is_named_when_the_guest_is_stopped),
        cmocka_unit_test(test_a_host_function_that_returns_in_a_forked_child_ends_the_call_there),
        cmocka_unit_test(test_the_librarys_own_print_is_not_filtered),
        cmocka_unit_test(test_a_filtered_host_function_is_refused_system_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
