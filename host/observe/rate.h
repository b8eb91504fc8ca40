/* SPDX-License-Identifier: Apache-2.0 */
/* A limit on how often something may happen: so many a second, and so many at once. */
#ifndef MOTE_HOST_OBSERVE_RATE_H
#define MOTE_HOST_OBSERVE_RATE_H

#include <stdbool.h>
#include <stdint.h>

struct mt_rate {
    uint64_t interval_ns; /* 0: no limit */
    uint64_t lead_ns;     /* how far due_ns may be ahead of the clock */
    uint64_t due_ns;      /* when the next one would be due if they came evenly */
};

/* per_s and burst at most MT_MAX_LOG_RATE; per_s of 0 is no limit, a burst of 0 counts as 1. */
void mt_rate_init(struct mt_rate *rate, uint64_t per_s, uint64_t burst);
/* Whether one more may happen now. */
bool mt_rate_is_open(const struct mt_rate *rate, uint64_t now_ns);
/* The same, and counts it. */
bool mt_rate_take(struct mt_rate *rate, uint64_t now_ns);

#endif
