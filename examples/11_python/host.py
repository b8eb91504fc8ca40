# SPDX-License-Identifier: Apache-2.0
"""A host in Python: calls, a host function that can fail, and a call that is cancelled."""

import sys
import threading

import mote

PRICES = {"apple": 25, "bread": 180}


def price_in_cents(item):
    if item not in PRICES:
        raise ValueError(f"no price for {item}")
    return PRICES[item]


def buy(guest):
    functions = [("PriceInCents", price_in_cents, mote.I64, [mote.STR])]
    with mote.Sandbox(guest, functions) as sandbox:
        print("4 x apple:", sandbox.call("TotalInCents", "apple", 4), "cents")
        print("reversed:", sandbox.call("Reverse", b"bytes\0may be zero"))
        try:
            sandbox.call("TotalInCents", "gold", 1)
        except mote.MoteError as error:
            print("gold:", error)


def cancel(guest):
    started = threading.Event()
    functions = [("Started", started.set, mote.VOID, [])]
    with mote.Sandbox(guest, functions, time_limit_us=60_000_000) as sandbox:
        other = threading.Thread(target=lambda: started.wait() and sandbox.cancel())
        other.start()
        try:
            sandbox.call("Spin")
        except mote.MoteError as error:
            print("Spin:", error.status)
        started.set()  # also where Spin failed before it had called the host
        other.join()


def main():
    if len(sys.argv) != 2:
        sys.stderr.write("usage: host GUEST\n")
        return 2
    try:
        buy(sys.argv[1])
        cancel(sys.argv[1])
    except mote.MoteError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
