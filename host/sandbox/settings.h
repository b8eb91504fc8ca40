/* SPDX-License-Identifier: Apache-2.0 */
/* From the caller's mote_config to settings: defaults, minimums, caps. */
#ifndef MOTE_HOST_SANDBOX_SETTINGS_H
#define MOTE_HOST_SANDBOX_SETTINGS_H

#include "host/memory/layout.h"

struct mt_settings {
    struct mt_sizes sizes;
    uint64_t time_limit_us;
    uint64_t init_limit_us;
    uint64_t cancel_wait_us;
    uint64_t cpu_limit_us; /* 0: none */
    uint64_t spin_us;      /* 0: none */
    bool single_use;
    const char *dump_path; /* NULL: no core files */
    mote_log_level max_log;
    bool host_calls_in_init;
    mote_log_fn log;
    void *log_context;
    mote_print_fn print;
    void *print_context;
    struct mote_metrics *metrics; /* NULL: nothing is counted */
    uint64_t log_rate_per_s;      /* 0: no limit */
    uint64_t log_burst;
    mote_span_fn span;
    void *span_context;
    bool filter_host_functions;
};

/* A caller's configuration, or the default where it is NULL, as this library has it.
 * MOTE_E_STRUCT_SIZE. */
mote_status mt_config_read(mote_config *out, const mote_config *config, mote_error *err);

/* MOTE_E_TOO_LARGE, MOTE_E_ARGUMENT. */
mote_status mt_settings_init(struct mt_settings *settings, const mote_config *config,
                             const mote_image_facts *facts, mote_error *err);

#endif
