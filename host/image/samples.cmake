# SPDX-License-Identifier: Apache-2.0
# image_samples: sample_guest.c as each linker at hand makes a guest of it, in samples/. A linker
# that is absent makes none, and the test says so.

find_program(MOTE_LD_BFD ld.bfd)
find_program(MOTE_LD_GOLD ld.gold)
find_program(MOTE_LD_LLD ld.lld)
mark_as_advanced(MOTE_LD_BFD MOTE_LD_GOLD MOTE_LD_LLD)

set(MOTE_SAMPLES ${CMAKE_CURRENT_BINARY_DIR}/samples)
set(MOTE_SAMPLE_SOURCE ${CMAKE_CURRENT_SOURCE_DIR}/sample_guest.c)
set(MOTE_SAMPLE_OBJECT ${MOTE_SAMPLES}/sample.o)
set(MOTE_SAMPLE_CC ${CMAKE_C_COMPILER} -std=c17 -O2 -ffreestanding -fpie -fno-stack-protector
    -fno-asynchronous-unwind-tables -I${PROJECT_SOURCE_DIR})
set(MOTE_SAMPLE_FILES)
file(MAKE_DIRECTORY ${MOTE_SAMPLES})

add_custom_command(OUTPUT ${MOTE_SAMPLE_OBJECT}
    COMMAND ${MOTE_SAMPLE_CC} -c ${MOTE_SAMPLE_SOURCE} -o ${MOTE_SAMPLE_OBJECT}
    DEPENDS ${MOTE_SAMPLE_SOURCE} ${PROJECT_SOURCE_DIR}/abi/note.h VERBATIM)

function(mote_sample name linker)
    if(NOT linker)
        return()
    endif()
    set(output ${MOTE_SAMPLES}/${name}.elf)
    add_custom_command(OUTPUT ${output}
        COMMAND ${linker} -pie -e _start ${ARGN} ${MOTE_SAMPLE_OBJECT} -o ${output}
        DEPENDS ${MOTE_SAMPLE_OBJECT} VERBATIM)
    set(MOTE_SAMPLE_FILES ${MOTE_SAMPLE_FILES} ${output} PARENT_SCOPE)
endfunction()

# Through the compiler's driver, with whatever linker it takes.
function(mote_sample_cc name)
    set(output ${MOTE_SAMPLES}/${name}.elf)
    add_custom_command(OUTPUT ${output}
        COMMAND ${MOTE_SAMPLE_CC} -nostdlib -static-pie -Wl,-e,_start,--no-dynamic-linker ${ARGN}
                ${MOTE_SAMPLE_OBJECT} -o ${output}
        DEPENDS ${MOTE_SAMPLE_OBJECT} VERBATIM)
    set(MOTE_SAMPLE_FILES ${MOTE_SAMPLE_FILES} ${output} PARENT_SCOPE)
endfunction()

mote_sample_cc(cc-static-pie)
mote_sample_cc(cc-packed -Wl,-z,pack-relative-relocs)
mote_sample(bfd "${MOTE_LD_BFD}" --no-dynamic-linker)
mote_sample(bfd-2mib "${MOTE_LD_BFD}" --no-dynamic-linker -z max-page-size=0x200000)
mote_sample(bfd-moved "${MOTE_LD_BFD}" --no-dynamic-linker -Ttext-segment=0x600000)
mote_sample(bfd-no-separate-code "${MOTE_LD_BFD}" --no-dynamic-linker -z noseparate-code)
mote_sample(bfd-stripped "${MOTE_LD_BFD}" --no-dynamic-linker -s --build-id=sha1)
mote_sample(gold "${MOTE_LD_GOLD}")
mote_sample(gold-stripped "${MOTE_LD_GOLD}" -s)
mote_sample(lld "${MOTE_LD_LLD}" --no-dynamic-linker --build-id=sha1)
mote_sample(lld-packed "${MOTE_LD_LLD}" --no-dynamic-linker --pack-dyn-relocs=relr)
mote_sample(lld-moved "${MOTE_LD_LLD}" --no-dynamic-linker --image-base=0x7000000)
mote_sample(lld-64kib "${MOTE_LD_LLD}" --no-dynamic-linker -z max-page-size=0x10000)

add_custom_target(image_samples DEPENDS ${MOTE_SAMPLE_FILES})
