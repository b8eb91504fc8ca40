/* SPDX-License-Identifier: Apache-2.0 */
/* Log records and printed text that a guest held back until its next exit. */
#include "host/sandbox/sandbox.h"

#include "host/base/error.h"
#include "host/os/clock.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static mote_log_level level_of(uint8_t wire_level)
{
    static const mote_log_level levels[] = {
        [MT_LOG_LEVEL_TRACE] = MOTE_LOG_TRACE,      [MT_LOG_LEVEL_DEBUG] = MOTE_LOG_DEBUG,
        [MT_LOG_LEVEL_INFORMATION] = MOTE_LOG_INFO, [MT_LOG_LEVEL_WARNING] = MOTE_LOG_WARN,
        [MT_LOG_LEVEL_ERROR] = MOTE_LOG_ERROR,      [MT_LOG_LEVEL_CRITICAL] = MOTE_LOG_ERROR,
        [MT_LOG_LEVEL_NONE] = MOTE_LOG_TRACE,
    };
    return levels[wire_level];
}

static mote_str_view view_of(const struct mt_wire_view *view)
{
    return (mote_str_view){(const char *)view->data, view->len};
}

/* ---- The limit on the rate ---- */

void mt_records_tell_dropped(mote_sandbox *sandbox, uint64_t now_ns)
{
    static const char source[] = "mote";
    char text[48];
    if (sandbox->n_log_dropped == 0 || !mt_rate_is_open(&sandbox->log_rate, now_ns))
        return;
    int n = snprintf(text, sizeof(text), "%" PRIu64 " records dropped", sandbox->n_log_dropped);
    const mote_log_record record = {
        .level = MOTE_LOG_WARN,
        .message = {text, (size_t)n},
        .source = {source, sizeof(source) - 1},
        .caller = {"", 0},
        .source_file = {"", 0},
        .n_dropped = sandbox->n_log_dropped,
    };
    sandbox->n_log_dropped = 0;
    sandbox->settings.log(sandbox->settings.log_context, &record);
}

/* Whether a record may go to the callback now; if not, it is counted as dropped. */
static bool is_let_through(mote_sandbox *sandbox)
{
    if (sandbox->settings.log_rate_per_s == 0)
        return true;
    uint64_t now_ns = mt_clock_ns();
    mt_records_tell_dropped(sandbox, now_ns);
    if (mt_rate_take(&sandbox->log_rate, now_ns))
        return true;
    sandbox->n_log_dropped++;
    mt_metrics_add(sandbox->settings.metrics, MT_COUNTER_LOG_RECORDS_DROPPED, 1);
    return false;
}

/* ---- Delivery ---- */

static void give_log(mote_sandbox *sandbox, const struct mt_wire_log *log)
{
    const mote_log_record record = {
        .level = level_of(log->level),
        .message = view_of(&log->message),
        .source = view_of(&log->source),
        .caller = view_of(&log->caller),
        .source_file = view_of(&log->source_file),
        .line = log->line,
    };
    if (sandbox->settings.log != NULL && is_let_through(sandbox))
        sandbox->settings.log(sandbox->settings.log_context, &record);
}

/* Printed text goes to whatever function is registered as HostPrint. */
static mote_status give_print(mote_sandbox *sandbox, const struct mt_wire_log *log, mote_error *err)
{
    const struct mt_host_function *print =
        mt_registry_find(&sandbox->registry, MT_HOST_PRINT_NAME, strlen(MT_HOST_PRINT_NAME));
    if (print == NULL)
        return mt_fail(err, MOTE_E_BUG, "%s is not registered", MT_HOST_PRINT_NAME);
    const mote_value text = mote_str_n((const char *)log->message.data, log->message.len);
    mote_value result;
    mote_error host_err = {.code = MOTE_OK};
    mote_status returned;
    mote_status status =
        mt_host_function_run(sandbox, print, &text, 1, &result, &host_err, &returned, err);
    if (status != MOTE_OK || returned == MOTE_OK)
        return status;
    return mt_host_function_failed(&print->as_registered, returned, &host_err, err);
}

static mote_status deliver_one(mote_sandbox *sandbox, const struct mt_element *element,
                               mote_error *err)
{
    struct mt_wire_log log;
    struct mt_wire_fault fault;
    size_t len_bytes = 0;
    mote_status status = mt_buffers_copy(&sandbox->buffers, element, &sandbox->allocator,
                                         &sandbox->message_copy, &len_bytes, err);
    if (status != MOTE_OK)
        return status;
    if (!mt_wire_read_log(sandbox->message_copy.data, len_bytes, &log, &fault))
        return mt_fail_protocol(err, "output", fault.field, fault.value,
                                "log record: malformed %s 0x%llx", fault.field,
                                (unsigned long long)fault.value);
    bool is_print = log.level == MT_LOG_LEVEL_NONE &&
                    sandbox->image->parsed.facts.abi != MOTE_ABI_HYPERLIGHT_0_1;
    if (is_print)
        return give_print(sandbox, &log, err);
    sandbox->stats.log_records++;
    mt_metrics_add(sandbox->settings.metrics, MT_COUNTER_LOG_RECORDS, 1);
    give_log(sandbox, &log);
    return MOTE_OK;
}

mote_status mt_records_deliver(mote_sandbox *sandbox, const struct mt_element *elements,
                               size_t n_records, mote_error *err)
{
    for (size_t i = n_records; i > 0; i--) {
        mote_status status = deliver_one(sandbox, &elements[i - 1], err);
        if (status == MOTE_OK)
            status = mt_observe_check_process(sandbox, err);
        if (status != MOTE_OK)
            return status;
    }
    return MOTE_OK;
}
