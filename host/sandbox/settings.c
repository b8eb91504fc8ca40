/* SPDX-License-Identifier: Apache-2.0 */
/* Settings: one table for all sizes and durations. */
#include "host/sandbox/settings.h"

#include "abi/memory_map.h"
#include "host/base/error.h"
#include "host/base/struct_size.h"
#include "host/base/limits.h"
#include <inttypes.h>
#include <string.h>

struct rule {
    const char *name;
    uint64_t wanted;
    uint64_t fallback; /* where wanted is 0 */
    uint64_t minimum;
    uint64_t maximum;
    uint64_t *to;
};

static mote_status apply(const struct rule *rules, size_t n, mote_error *err)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t value = rules[i].wanted != 0 ? rules[i].wanted : rules[i].fallback;
        if (value > rules[i].maximum)
            return mt_fail(err, MOTE_E_TOO_LARGE, "%s %" PRIu64 " is over the cap of %" PRIu64,
                           rules[i].name, value, rules[i].maximum);
        *rules[i].to = value > rules[i].minimum ? value : rules[i].minimum;
    }
    return MOTE_OK;
}

static mote_status apply_sizes(struct mt_settings *settings, const mote_config *config,
                               const mote_image_facts *facts, mote_error *err)
{
    struct mt_sizes *to = &settings->sizes;
    const struct rule rules[] = {
        {"input_bytes", config->input_bytes, 0x4000, 0x2000, MT_MAX_BUFFER_BYTES, &to->input},
        {"output_bytes", config->output_bytes, 0x4000, 0x2000, MT_MAX_BUFFER_BYTES, &to->output},
        {"host_definitions_bytes", config->host_definitions_bytes, 0x1000, 0x1000,
         MT_MAX_SMALL_BUFFER_BYTES, &to->host_definitions},
        {"host_exception_bytes", config->host_exception_bytes, 0x4000, 0x4000,
         MT_MAX_SMALL_BUFFER_BYTES, &to->host_exception},
        {"guest_error_bytes", config->guest_error_bytes, 0x100, 0x80, MT_MAX_ERROR_BUFFER_BYTES,
         &to->guest_error},
        {"guest_panic_bytes", config->guest_panic_bytes, 0x400, 0x400, MT_MAX_ERROR_BUFFER_BYTES,
         &to->guest_panic},
        {"kernel_stack_bytes", config->kernel_stack_bytes, 0x1000, 0x1000,
         MT_MAX_SMALL_BUFFER_BYTES, &to->kernel_stack},
        {"stack_bytes", config->stack_bytes, facts->stack_bytes, MT_PAGE_BYTES, MT_MAX_BUFFER_BYTES,
         &to->stack},
        {"heap_bytes", config->heap_bytes, facts->heap_bytes, MT_PAGE_BYTES, MT_MAX_BUFFER_BYTES,
         &to->heap},
        {"max_memory_bytes", config->max_memory_bytes, MT_MAX_MEMORY_BYTES, MT_PAGE_BYTES,
         MT_LAST_END_ADDRESS - MT_BASE_ADDRESS, &to->memory_cap},
    };
    return apply(rules, sizeof(rules) / sizeof(rules[0]), err);
}

static mote_status apply_limits(struct mt_settings *settings, const mote_config *config,
                                mote_error *err)
{
    const struct rule rules[] = {
        {"time_limit_us", config->time_limit_us, 1000000, 1, MT_MAX_DURATION_US,
         &settings->time_limit_us},
        {"init_limit_us", config->init_limit_us, 2000000, 1, MT_MAX_DURATION_US,
         &settings->init_limit_us},
        {"cancel_wait_us", config->cancel_wait_us, 100000, 1, MT_MAX_DURATION_US,
         &settings->cancel_wait_us},
        {"spin_us", config->spin_us, 0, 0, MT_MAX_SPIN_US, &settings->spin_us},
        {"cpu_limit_us", config->cpu_limit_us, 0, 0, MT_MAX_DURATION_US, &settings->cpu_limit_us},
        {"log_rate_per_s", config->log_rate_per_s, 0, 0, MT_MAX_LOG_RATE,
         &settings->log_rate_per_s},
        {"log_burst", config->log_burst, config->log_rate_per_s, 0, MT_MAX_LOG_RATE,
         &settings->log_burst},
    };
    return apply(rules, sizeof(rules) / sizeof(rules[0]), err);
}

mote_status mt_config_read(mote_config *out, const mote_config *config, mote_error *err)
{
    static const struct mt_struct kind = {"mote_config", 248, sizeof(*config)};
    static const mote_config defaults = MOTE_CONFIG_INIT;
    return mt_struct_read(&kind, out, config != NULL ? config : &defaults, err);
}

mote_status mt_settings_init(struct mt_settings *settings, const mote_config *config,
                             const mote_image_facts *facts, mote_error *err)
{
    if ((unsigned)config->max_log > MOTE_LOG_TRACE)
        return mt_fail(err, MOTE_E_ARGUMENT, "max_log %d is no level", (int)config->max_log);
    if ((unsigned)config->policy > MOTE_POLICY_FASTEST)
        return mt_fail(err, MOTE_E_ARGUMENT, "policy %d is no policy", (int)config->policy);
    struct mt_settings made;
    memset(&made, 0, sizeof(made));
    mote_status status = apply_sizes(&made, config, facts, err);
    if (status == MOTE_OK)
        status = apply_limits(&made, config, err);
    if (status != MOTE_OK)
        return status;
    made.sizes.executable_heap = config->executable_heap;
    made.max_log = config->log_is_set ? config->max_log : MOTE_LOG_ERROR;
    made.single_use = config->single_use;
    made.dump_path = config->dump_path;
    made.host_calls_in_init = config->host_calls_in_init;
    made.log = config->log;
    made.log_context = config->log_context;
    made.print = config->print;
    made.print_context = config->print_context;
    made.metrics = config->metrics;
    made.span = config->span;
    made.span_context = config->span_context;
    made.filter_host_functions = config->filter_host_functions;
    *settings = made;
    return MOTE_OK;
}
