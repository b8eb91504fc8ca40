/* SPDX-License-Identifier: Apache-2.0 */
/* mote call: one call in a new sandbox. */
#include "tools/mote/command.h"

#include "tools/mote/print.h"
#include "tools/mote/report.h"
#include "tools/mote/session.h"

static int print_json(struct session *session, const mote_value *result,
                      const mote_sandbox_stats *stats)
{
    struct json json = {0};
    json_open(&json, NULL, '{');
    json_bool(&json, "ok", true);
    json_text(&json, "function", options_function(session->options));
    print_result_json(&json, "result", result);
    json_text(&json, "driver", mote_sandbox_driver(session->sandbox));
    json_open(&json, "stats", '{');
    json_unsigned(&json, "wall_us", stats->last_wall_us);
    json_unsigned(&json, "exits", stats->last_exits);
    json_unsigned(&json, "host_calls", stats->last_host_calls);
    json_close(&json, '}');
    json_close(&json, '}');
    return report_json_end(&json, 0);
}

static mote_status call(struct session *session, mote_value *result, mote_sandbox_stats *stats,
                        mote_error *err)
{
    mote_status status = session_call(session, result, err);
    if (status == MOTE_OK)
        status = mote_sandbox_stats_get(session->sandbox, stats, err);
    session_end_output(session);
    return status;
}

static int run(struct session *session, const struct options *options)
{
    mote_error err;
    mote_value result;
    mote_sandbox_stats stats = {.struct_size = sizeof(stats)};
    mote_status status = session_open(session, options, &err);
    if (status == MOTE_OK)
        status = call(session, &result, &stats, &err);
    if (status == MOTE_OK && options->json)
        return print_json(session, &result, &stats);
    if (status == MOTE_OK)
        status = print_result(&result, &err);
    return status == MOTE_OK ? 0 : session_report(session, &err);
}

int command_call(const struct options *options)
{
    struct session session;
    int exit_status = run(&session, options);
    session_close(&session);
    return exit_status;
}
