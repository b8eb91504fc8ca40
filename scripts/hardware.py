# SPDX-License-Identifier: Apache-2.0
"""Whether there is hardware virtualisation here: /dev/kvm can be opened, and is KVM."""

import fcntl
import os

# include/uapi/linux/kvm.h; containers may have another device in KVM's place, to hide it.
KVM_GET_API_VERSION = 0xAE00


def why_not():
    """What fails, as mote names it, and the error number; None where there is KVM."""
    try:
        device = os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        return "open /dev/kvm", error.errno
    try:
        fcntl.ioctl(device, KVM_GET_API_VERSION)
    except OSError as error:
        return "KVM_GET_API_VERSION on /dev/kvm", error.errno
    finally:
        os.close(device)
    return None


def has_kvm():
    return why_not() is None
