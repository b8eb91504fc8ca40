/* SPDX-License-Identifier: Apache-2.0 */
/* Ports: all of them by the I/O bitmap, many of them by trying; floods; loops that never ask. */
#include "tests/hostile/witness.h"

#include "abi/memory_map.h"
#include "abi/ports.h"
#include "host/driver/kvm/kvm_internal.h"
#include "host/sandbox/sandbox.h"
#include <stdio.h>
#include <string.h>

/* The order of the instructions in guests/hostile/zoo.S. */
enum way { OUT8, OUT16, OUT32, IN8, IN16, IN32, OUTS8, OUTS16, OUTS32, INS8, INS16, INS32, N_WAYS };

static const uint32_t way_bytes[N_WAYS] = {1, 2, 4, 1, 2, 4, 1, 2, 4, 1, 2, 4};

/* ---- G01, G02, G04: by the I/O bitmap ---- */

#define ABI_PORTS_ALLOWED 5u

/* What a CPU does before `in` and `out` in ring 3 (SDM volume 1, 19.5.2): two bytes of the bitmap,
 * which must lie within the TSS limit, and all bits of the access clear. */
static bool cpu_allows(const uint8_t *task_state, uint32_t limit, uint32_t port, uint32_t n_bytes)
{
    uint16_t bitmap = 0;
    memcpy(&bitmap, task_state + 102, sizeof(bitmap));
    uint32_t at = bitmap + port / 8;
    if (at + 1 > limit)
        return false;
    uint32_t bits = (uint32_t)task_state[at] | (uint32_t)task_state[at + 1] << 8;
    uint32_t mask = (1u << n_bytes) - 1;
    return (bits >> (port % 8) & mask) == 0;
}

static bool is_in_abi(uint32_t port)
{
    return port == MT_PORT_LOG || port == MT_PORT_CALL || port == MT_PORT_ABORT ||
           port == MT_PORT_DONE || port == MT_PORT_TRY_CALL;
}

static void test_the_bitmap_denies_every_other_port(void **state)
{
    (void)state;
    NEEDS_KVM();
    mote_sandbox *sandbox = new_kvm_offender(NULL);
    const struct mt_kvm_prepared *prepared = sandbox->template->prepared;
    const struct kvm_segment *task = &sandbox->machine->ring3.tr;
    const uint8_t *task_state = prepared->monitor + (task->base - MT_KVM_MONITOR_SLOT_START);
    size_t n_allowed = 0;
    for (uint32_t port = 0; port < 0x10000; port++) {
        for (uint32_t n_bytes = 1; n_bytes <= 4; n_bytes *= 2) {
            bool is_wanted = is_in_abi(port) && (n_bytes == 1 || is_in_abi(port + 1)) &&
                             (n_bytes < 4 || (is_in_abi(port + 2) && is_in_abi(port + 3)));
            assert_int_equal(cpu_allows(task_state, task->limit, port, n_bytes), is_wanted);
        }
        n_allowed += cpu_allows(task_state, task->limit, port, 1);
    }
    assert_int_equal(n_allowed, ABI_PORTS_ALLOWED);
    mote_sandbox_destroy(sandbox);
}

/* ---- G01, G02: by trying ---- */

static mote_status use_port(mote_sandbox *sandbox, uint32_t port, uint32_t way, uint32_t count)
{
    const mote_value args[] = {mote_u32(port), mote_u32(way), mote_u32(count)};
    return provoke(sandbox, "Port", args, 3);
}

static void test_other_ports_fault_in_every_way(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    static const uint32_t ports[] = {0,     0x20,  0x60,  0x64,   0x80,   98,     100,  103,
                                     106,   0xCF8, 0xCFC, 0x3F8,  0x510,  0x5658, 0xFF, 0x100,
                                     0x1CE, 0x402, 0x604, 0x7FFF, 0x8000, 0xFFFF};
    for (size_t i = 0; i < COUNT(ports); i++) {
        for (uint32_t way = 0; way < N_WAYS; way++) {
            mote_sandbox *sandbox = new_offender(NULL);
            mote_status status = use_port(sandbox, ports[i], way, 3);
            assert_status(status, MOTE_E_GUEST_FAULT);
            assert_int_equal(last_error.fault.vector, 13);
            assert_string_equal(last_error.fault.cause, "port not allowed");
            assert_contained(sandbox, status);
        }
    }
}

/* ---- G03, G04: the ABI's own ports in ways that the ABI does not have ---- */

/* An OUT of one byte means something; a wider one reaches a port that is not allowed or, over two
 * that are, is refused. What is left in the output buffer is nothing. */
static bool is_refusal(mote_status status, uint32_t port, uint32_t way)
{
    if (status == MOTE_E_PROTOCOL)
        return true;
    if (status == MOTE_E_GUEST_FAULT)
        return way_bytes[way] > 1 && last_error.fault.vector == 13;
    bool is_single = way == OUT8 || way == OUTS8;
    if (status == MOTE_E_NO_RESULT)
        return is_single && port == MT_PORT_DONE;
    return status == MOTE_E_GUEST_ABORT && is_single && port == MT_PORT_ABORT;
}

static void test_own_ports_take_single_bytes_only(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    static const uint32_t ports[] = {MT_PORT_LOG, MT_PORT_CALL, MT_PORT_ABORT, MT_PORT_DONE,
                                     MT_PORT_TRY_CALL};
    static const uint32_t counts[] = {1, 2, 1024, 65536};
    for (size_t i = 0; i < COUNT(ports) * COUNT(counts); i++) {
        uint32_t port = ports[i % COUNT(ports)];
        uint32_t count = counts[i / COUNT(ports)];
        for (uint32_t way = 0; way < N_WAYS; way++) {
            bool repeats = way >= OUTS8;
            if (!repeats && count != 1)
                continue;
            mote_sandbox *sandbox = new_offender(NULL);
            mote_status status = use_port(sandbox, port, way, count);
            if (!is_refusal(status, port, way))
                fail_msg("port %u, way %u, %u times: %s", port, way, count,
                         mote_status_name(status));
            assert_contained(sandbox, status);
        }
    }
}

/* G03: a string that is repeated no times reaches no port, and changes nothing. */
static void test_a_string_of_no_steps_is_no_exit(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    static const uint32_t ports[] = {MT_PORT_LOG, MT_PORT_CALL, MT_PORT_ABORT, MT_PORT_DONE,
                                     MT_PORT_TRY_CALL};
    static const uint32_t ways[] = {OUTS8, INS8};
    for (size_t i = 0; i < COUNT(ports) * COUNT(ways); i++) {
        mote_sandbox *sandbox = new_offender(NULL);
        mote_sandbox_stats stats = {.struct_size = sizeof(stats)};
        assert_ok(use_port(sandbox, ports[i % COUNT(ports)], ways[i / COUNT(ports)], 0));
        assert_ok(mote_sandbox_stats_get(sandbox, &stats, &last_error));
        assert_int_equal(stats.last_exits, 1);
        assert_contained(sandbox, MOTE_OK);
    }
}

/* ---- G08, G09: floods ---- */

struct heard {
    size_t n_prints;
    size_t n_records;
    size_t n_bytes;
};

static void hear_print(void *context, const char *text, size_t len_bytes)
{
    struct heard *heard = context;
    (void)text;
    heard->n_prints++;
    heard->n_bytes += len_bytes;
}

static void hear_log(void *context, const mote_log_record *record)
{
    struct heard *heard = context;
    assert_in_range(record->level, MOTE_LOG_ERROR, MOTE_LOG_TRACE);
    heard->n_records++;
    heard->n_bytes += record->message.len_bytes;
}

static mote_config config_that_hears(struct heard *heard, uint64_t time_limit_us)
{
    mote_config config = MOTE_CONFIG_INIT;
    config.time_limit_us = time_limit_us;
    config.print = hear_print;
    config.print_context = heard;
    config.log = hear_log;
    config.log_context = heard;
    config.max_log = MOTE_LOG_TRACE;
    config.log_is_set = true;
    return config;
}

/* How much was heard of it: on a busy machine the limit may pass before the guest comes to much. */
static size_t flood(const char *function)
{
    struct heard heard = {0};
    const mote_config config = config_that_hears(&heard, 100000);
    mote_sandbox *sandbox = new_offender(&config);
    size_t before_kib = resident_kib();
    mote_status status = provoke(sandbox, function, NULL, 0);
    size_t after_kib = resident_kib();
    assert_status(status, MOTE_E_TIME_LIMIT);
    assert_string_equal(last_error.limit.kind, "wall");
    assert_true(after_kib < before_kib + 1024);
    assert_contained(sandbox, status);
    return heard.n_prints + heard.n_records;
}

/* G07, G08, G09: without end, until the limit; the host keeps nothing of it. */
static void test_floods_end_at_the_limit_and_leave_nothing(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    static const char *const floods[] = {"LogForever", "PrintForever", "HostCallForever"};
    for (size_t i = 0; i < COUNT(floods); i++) {
        size_t n_heard = 0;
        for (int round = 0; round < 100 && n_heard <= 10; round++)
            n_heard = flood(floods[i]);
        assert_true(n_heard > 10);
    }
}

struct records {
    uint32_t n;
    uint32_t announced;
    uint32_t level;
    mote_status status;
    const char *field;
};

/* G09: as many records as may be, one more, fewer than announced, and levels that are none. */
static void test_records_are_counted_and_judged(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    static const struct records tries[] = {
        {1, 0, MT_LOG_LEVEL_ERROR, MOTE_OK, ""},
        {1, 1, MT_LOG_LEVEL_TRACE, MOTE_OK, ""},
        {64, 64, MT_LOG_LEVEL_ERROR, MOTE_OK, ""},
        {65, 65, MT_LOG_LEVEL_ERROR, MOTE_E_PROTOCOL, "records"},
        {65, 255, MT_LOG_LEVEL_ERROR, MOTE_E_PROTOCOL, "records"},
        {65, 64, MT_LOG_LEVEL_ERROR, MOTE_OK, ""},
        {1, 2, MT_LOG_LEVEL_ERROR, MOTE_E_PROTOCOL, "elements"},
        {0, 0, MT_LOG_LEVEL_ERROR, MOTE_E_PROTOCOL, "elements"},
        {0, 1, MT_LOG_LEVEL_ERROR, MOTE_E_PROTOCOL, "elements"},
        {1, 1, MT_LOG_LEVEL_NONE, MOTE_OK, ""},
        {1, 1, 7, MOTE_E_PROTOCOL, "level"},
        {1, 1, 255, MOTE_E_PROTOCOL, "level"},
    };
    for (size_t i = 0; i < COUNT(tries); i++) {
        struct heard heard = {0};
        const mote_config config = config_that_hears(&heard, 1000000);
        const mote_value args[] = {mote_u32(tries[i].n), mote_u32(tries[i].announced),
                                   mote_u32(tries[i].level)};
        mote_sandbox *sandbox = new_offender(&config);
        mote_status status = provoke(sandbox, "LeaveRecords", args, 3);
        assert_status(status, tries[i].status);
        assert_string_equal(last_error.protocol_field, tries[i].field);
        if (status == MOTE_OK)
            assert_int_equal(heard.n_records + heard.n_prints,
                             tries[i].announced == 0 ? 1 : tries[i].announced);
        assert_contained(sandbox, status);
    }
}

/* ---- F04: loops ---- */

/* The order of the loops in guests/hostile/zoo.S. The last one is an `int` that some kinds of KVM
 * skip: it may fault at once. */
enum loop { TO_ITSELF, PAUSE, STRING, SPLIT_LOCK, CPUID, RDTSC, INTERRUPT, N_LOOPS };

static void test_loops_of_every_kind_end_at_the_limit(void **state)
{
    (void)state;
    NEEDS_DRIVER();
    mote_config config = MOTE_CONFIG_INIT;
    config.time_limit_us = 30000;
    for (uint32_t kind = 0; kind < N_LOOPS; kind++) {
        const mote_value arg = mote_u32(kind);
        mote_sandbox *sandbox = new_offender(&config);
        mote_status status = provoke(sandbox, "Loop", &arg, 1);
        bool may_fault = kind == INTERRUPT;
        if (!(may_fault && status == MOTE_E_GUEST_FAULT)) {
            assert_status(status, MOTE_E_TIME_LIMIT);
            assert_true(last_error.limit.elapsed_us >= 30000);
        }
        assert_contained(sandbox, status);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_bitmap_denies_every_other_port),
        cmocka_unit_test(test_other_ports_fault_in_every_way),
        cmocka_unit_test(test_own_ports_take_single_bytes_only),
        cmocka_unit_test(test_a_string_of_no_steps_is_no_exit),
        cmocka_unit_test(test_floods_end_at_the_limit_and_leave_nothing),
        cmocka_unit_test(test_records_are_counted_and_judged),
        cmocka_unit_test(test_loops_of_every_kind_end_at_the_limit),
    };
    return cmocka_run_group_tests_name("hostile ports", tests, witness_set_up, witness_tear_down);
}
