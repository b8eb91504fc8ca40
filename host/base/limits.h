/* SPDX-License-Identifier: Apache-2.0 */
/* Every cap of the host side, in one place. Sizes are in bytes. */
#ifndef MOTE_HOST_BASE_LIMITS_H
#define MOTE_HOST_BASE_LIMITS_H

#define MT_KIB 1024ull
#define MT_MIB (1024ull * MT_KIB)
#define MT_GIB (1024ull * MT_MIB)

/* A guest file: more than any that fits in a sandbox with its debug information. */
#define MT_MAX_FILE_BYTES (4 * MT_GIB)
/* A loaded image, zeroed memory included: it has to fit under MT_END_ADDRESS. */
#define MT_MAX_IMAGE_BYTES (512 * MT_MIB)
/* Program headers: the ELF header's own field is 16 bits wide, guests have about ten. */
#define MT_MAX_SEGMENTS 64u
/* Sections of a PE file: what the loader of Windows takes. */
#define MT_MAX_SECTIONS 96u
/* Relocations: a table entry is 24 bytes, so this is a 96 MiB table. */
#define MT_MAX_RELOCATIONS (4u * 1024 * 1024)
/* Symbols of one file: a 24 MiB table in an ELF file. */
#define MT_MAX_SYMBOLS (1024u * 1024)
/* Alignment of a segment: the largest page that linkers produce for x86-64. */
#define MT_MAX_SEGMENT_ALIGNMENT (2 * MT_MIB)

/* Buffers of a sandbox. */
#define MT_MAX_BUFFER_BYTES MT_GIB
#define MT_MAX_SMALL_BUFFER_BYTES (16 * MT_MIB)
#define MT_MAX_ERROR_BUFFER_BYTES MT_MIB

/* Host functions of one sandbox. */
#define MT_MAX_HOST_FUNCTIONS 4096u
#define MT_MAX_FUNCTION_NAME_BYTES 95u
/* Numbers of system calls that may be allowed: x86-64 has less than half as many. */
#define MT_N_SYSTEM_CALLS 1024u

/* Durations, in microseconds: a year. */
#define MT_MAX_DURATION_US (365ull * 24 * 3600 * 1000000)
/* A wait that takes a processor. */
#define MT_MAX_SPIN_US 1000000u

/* Log records that a callback gets: in a second, and at once. */
#define MT_MAX_LOG_RATE 1000000ull

#endif
