/* SPDX-License-Identifier: Apache-2.0 */
/* Prints metrics in which every series that there can be has come up, or with an argument none. */
#include "host/observe/metrics.h"

#include <stdio.h>

static void count_operations(mote_metrics *metrics)
{
    static const mote_status outcomes[] = {MOTE_OK,           MOTE_E_GUEST_ERROR, MOTE_E_BUSY,
                                           MOTE_E_IMAGE_OPEN, MOTE_E_GUEST_FAULT, MOTE_E_CANCELLED,
                                           MOTE_E_MEMORY};
    for (unsigned kind = 0; kind < MT_N_SPAN_KINDS; kind++) {
        for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++)
            mt_metrics_outcome(metrics, (mote_span_kind)kind, outcomes[i]);
        for (uint64_t ns = 1; ns < 100000000000u; ns *= 3)
            mt_metrics_duration(metrics, (mote_span_kind)kind, ns);
    }
}

static void count_all(mote_metrics *metrics)
{
    count_operations(metrics);
    for (unsigned kind = 0; kind < MT_N_EXIT_KINDS; kind++)
        mt_metrics_exit(metrics, kind);
    for (uint64_t code = 0; code <= MT_N_GUEST_CODES; code++)
        mt_metrics_guest_error(metrics, code);
    for (unsigned counter = 0; counter < MT_N_COUNTERS; counter++)
        mt_metrics_add(metrics, (enum mt_counter)counter, UINT64_MAX);
}

int main(int argc, char **argv)
{
    static char text[MOTE_METRICS_TEXT_BYTES];
    mote_metrics *metrics;
    (void)argv;
    if (mote_metrics_create(NULL, &metrics, NULL) != MOTE_OK)
        return 1;
    if (argc == 1)
        count_all(metrics);
    mote_status status = mote_metrics_prometheus(metrics, text, sizeof(text), NULL, NULL);
    mote_metrics_destroy(metrics);
    return status != MOTE_OK || fputs(text, stdout) < 0;
}
