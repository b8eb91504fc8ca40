/* SPDX-License-Identifier: Apache-2.0 */
/* C++ as a language: what its compiled code asks for is in libmoteg.a. */
#include <mote_guest/moteg.h>

namespace
{

int n_destroyed;

struct Counted {
    int value = 40;
    ~Counted()
    {
        n_destroyed++;
    }
};

struct alignas(128) Wide {
    char bytes[128];
    Wide() : bytes{}
    {
    }
    ~Wide()
    {
        n_destroyed++;
    }
};

/* With a destructor of its own, so that it is registered where it is made. */
thread_local Counted of_thread;
Counted global;

struct Abstract {
    virtual int answer() = 0;
    virtual int deleted() = delete;
};

struct Concrete : Abstract {
    int answer() override
    {
        return 42;
    }
    int deleted() override = delete;
};

template <typename T> bool is_aligned(const T *made)
{
    return reinterpret_cast<uintptr_t>(made) % alignof(T) == 0;
}

} // namespace

/* A compiler may leave out a pair of new and delete that it sees through. */
Wide *volatile wide;
Abstract *volatile abstract;

MOTEG_FUNCTION(bool, IsAligned)
{
    wide = new Wide;
    bool is_one = is_aligned(static_cast<Wide *>(wide));
    delete wide;
    wide = new Wide[3];
    bool are_all = is_aligned(static_cast<Wide *>(wide));
    delete[] wide;
    return is_one && are_all && n_destroyed == 4;
}

MOTEG_FUNCTION(i32, OfThread)
{
    return of_thread.value++ + global.value;
}

MOTEG_FUNCTION(i32, Virtual)
{
    abstract = new Concrete;
    return abstract->answer();
}

MOTEG_FUNCTION(void, TooMuch)
{
    wide = new Wide[1 << 20];
}
