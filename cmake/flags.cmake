# SPDX-License-Identifier: Apache-2.0
# mote_host_flags: how everything that runs on the host is compiled. Guests have flags of their own.

include(CheckSymbolExists)

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
# musl: the rest of what glibc has. Fields and parameters there are int where the kernel's are long, which
# its own macros convert to.
set(CMAKE_REQUIRED_DEFINITIONS -D_GNU_SOURCE)
check_symbol_exists(strerrordesc_np string.h MOTE_LIBC_IS_GLIBC)
unset(CMAKE_REQUIRED_DEFINITIONS)
if(NOT MOTE_LIBC_IS_GLIBC)
    list(REMOVE_ITEM MOTE_WARNINGS -Wconversion -Wsign-conversion)
    list(APPEND MOTE_WARNINGS -Wno-overflow)
    target_compile_options(mote_host_flags INTERFACE
        "$<$<COMPILE_LANGUAGE:C>:SHELL:-include ${PROJECT_SOURCE_DIR}/host/base/other_libc.h>")
endif()
target_compile_options(mote_host_flags INTERFACE "$<$<COMPILE_LANGUAGE:C>:${MOTE_WARNINGS}>")

set(MOTE_HARDENING -fstack-protector-strong -fstack-clash-protection -fcf-protection=full
    -fno-semantic-interposition -fno-delete-null-pointer-checks -fno-strict-overflow
    -fno-strict-aliasing -fno-common)
target_compile_options(mote_host_flags INTERFACE "$<$<COMPILE_LANGUAGE:C>:${MOTE_HARDENING}>")
# Two builds in different folders are the same to the bit: what names the build folder names build/.
# The later one counts where both fit. Guests name their sources from the root of the tree.
set(MOTE_PREFIX_MAP
    -ffile-prefix-map=${PROJECT_SOURCE_DIR}=. -ffile-prefix-map=${PROJECT_BINARY_DIR}=./build)
set(MOTE_GUEST_PREFIX_MAP
    -ffile-prefix-map=${PROJECT_SOURCE_DIR}/= -ffile-prefix-map=${PROJECT_BINARY_DIR}=build)
target_compile_options(mote_host_flags INTERFACE ${MOTE_PREFIX_MAP})
if(NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
    target_compile_options(mote_host_flags INTERFACE
        "$<$<COMPILE_LANGUAGE:C>:-U_FORTIFY_SOURCE;-D_FORTIFY_SOURCE=3>")
endif()
# tests/package/test_hardening.py looks for all of it in what was built.
target_link_options(mote_host_flags INTERFACE
    "$<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:-pie>"
    -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code,--as-needed)

# The release build keeps debug information and asserts nothing away.
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g")

if(MOTE_SANITIZE)
    target_compile_options(mote_host_flags INTERFACE
        "$<$<COMPILE_LANGUAGE:C>:-fsanitize=${MOTE_SANITIZE};-fno-sanitize-recover=all;-fno-omit-frame-pointer>")
    target_link_options(mote_host_flags INTERFACE -fsanitize=${MOTE_SANITIZE})
endif()
