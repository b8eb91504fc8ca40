/* SPDX-License-Identifier: Apache-2.0 */
/* Calls an empty function as often as the argument says, with the default time limit: what strace
 * counts of it is the cost of a warm call. With a third argument the calls are counted and timed.
 */
#include <mote/mote.h>

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    mote_error err;
    mote_sandbox *sandbox;
    mote_config config = MOTE_CONFIG_INIT;
    if (argc < 3 || (argc > 3 && mote_metrics_create(NULL, &config.metrics, &err) != MOTE_OK))
        return 2;
    long n_calls = strtol(argv[2], NULL, 10);
    if (mote_open(argv[1], &config, &sandbox, &err) != MOTE_OK) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    for (long i = 0; i < n_calls; i++) {
        if (mote_call(sandbox, "Nothing", NULL, 0, MOTE_TYPE_VOID, NULL, &err) != MOTE_OK) {
            fprintf(stderr, "%s\n", err.text);
            return 1;
        }
    }
    mote_metrics_destroy(config.metrics);
    return mote_sandbox_destroy(sandbox) != MOTE_OK;
}
