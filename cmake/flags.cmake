# SPDX-License-Identifier: Apache-2.0
# mote_host_flags: how everything that runs on the host is compiled. Guests have flags of their own.

include(CheckCCompilerFlag)

add_library(mote_host_flags INTERFACE)
target_include_directories(mote_host_flags INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)
target_compile_definitions(mote_host_flags INTERFACE _GNU_SOURCE)

set(MOTE_WARNINGS
    -Wall -Wextra -Wpedantic -Werror -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes
    -Wmissing-prototypes -Wundef -Wvla -Wformat=2 -Wcast-qual -Wwrite-strings -Wswitch-enum
    -Wnull-dereference -Wpointer-arith -Wimplicit-fallthrough)
# Structures of the kernel that end in an array can only be filled inside a larger one.
if(CMAKE_C_COMPILER_ID STREQUAL "Clang")
    list(APPEND MOTE_WARNINGS -Wno-gnu-variable-sized-type-not-at-end)
endif()
target_compile_options(mote_host_flags INTERFACE "$<$<COMPILE_LANGUAGE:C>:${MOTE_WARNINGS}>")

set(MOTE_HARDENING -fstack-protector-strong -fstack-clash-protection -fcf-protection=full
    -fno-semantic-interposition -fno-delete-null-pointer-checks -fno-strict-overflow
    -fno-strict-aliasing -fno-common
    -ffile-prefix-map=${PROJECT_SOURCE_DIR}=.)
target_compile_options(mote_host_flags INTERFACE "$<$<COMPILE_LANGUAGE:C>:${MOTE_HARDENING}>")
if(NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
    target_compile_options(mote_host_flags INTERFACE
        "$<$<COMPILE_LANGUAGE:C>:-U_FORTIFY_SOURCE;-D_FORTIFY_SOURCE=2>")
endif()
target_link_options(mote_host_flags INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack,--as-needed)

# The release build keeps debug information and asserts nothing away.
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g")

if(MOTE_SANITIZE)
    target_compile_options(mote_host_flags INTERFACE
        "$<$<COMPILE_LANGUAGE:C>:-fsanitize=${MOTE_SANITIZE};-fno-sanitize-recover=all;-fno-omit-frame-pointer>")
    target_link_options(mote_host_flags INTERFACE -fsanitize=${MOTE_SANITIZE})
endif()
