/* SPDX-License-Identifier: Apache-2.0 */
/* A leaky bucket that is kept as one moment: ITU-T I.371, the virtual scheduling algorithm. */
#include "host/observe/rate.h"

#define NS_PER_S 1000000000u

void mt_rate_init(struct mt_rate *rate, uint64_t per_s, uint64_t burst)
{
    *rate = (struct mt_rate){0};
    if (per_s == 0)
        return;
    rate->interval_ns = NS_PER_S / per_s;
    rate->lead_ns = burst > 0 ? (burst - 1) * rate->interval_ns : 0;
}

bool mt_rate_is_open(const struct mt_rate *rate, uint64_t now_ns)
{
    return rate->due_ns <= now_ns || rate->due_ns - now_ns <= rate->lead_ns;
}

bool mt_rate_take(struct mt_rate *rate, uint64_t now_ns)
{
    if (!mt_rate_is_open(rate, now_ns))
        return false;
    uint64_t from_ns = rate->due_ns > now_ns ? rate->due_ns : now_ns;
    rate->due_ns = from_ns + rate->interval_ns;
    return true;
}
