/* SPDX-License-Identifier: Apache-2.0 */
/* A guest that asks its host: the prices are not in here. */
#include <mote_guest/moteg.h>

MOTEG_HOST_FUNCTION(i64, PriceInCents, (str, item));

MOTEG_FUNCTION(i64, TotalInCents, (str, item), (i32, count))
{
    return PriceInCents(item) * count;
}
