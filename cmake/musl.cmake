# SPDX-License-Identifier: Apache-2.0
# Toolchain: libmote.a for fully static programs, by Debian's musl-tools. For the library alone
# (-DMOTE_BUILD_PROGRAMS=OFF -DMOTE_BUILD_TESTS=OFF): programs need libraries that link to glibc.
set(CMAKE_C_COMPILER musl-gcc)
set(CMAKE_ASM_COMPILER musl-gcc)

# musl's headers replace those of glibc, and have none of the kernel's. These lie beside glibc's, so
# that they get a folder of links that holds nothing else; it comes last.
set(MOTE_KERNEL_HEADERS ${CMAKE_BINARY_DIR}/kernel-headers)
file(MAKE_DIRECTORY ${MOTE_KERNEL_HEADERS})
foreach(header linux asm-generic x86_64-linux-gnu/asm)
    get_filename_component(name ${header} NAME)
    file(CREATE_LINK /usr/include/${header} ${MOTE_KERNEL_HEADERS}/${name} SYMBOLIC)
endforeach()
set(CMAKE_C_FLAGS_INIT "-idirafter ${MOTE_KERNEL_HEADERS}")
set(CMAKE_ASM_FLAGS_INIT "-idirafter ${MOTE_KERNEL_HEADERS}")
