# SPDX-License-Identifier: Apache-2.0
# What `cmake --install` puts where: headers, libraries, programs, pkg-config file, CMake package,
# manual pages, completions.

include(CMakePackageConfigHelpers)

install(DIRECTORY include/mote include/mote_guest DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
    FILES_MATCHING PATTERN "*.h")
install(TARGETS mote_static mote_shared EXPORT mote
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
if(TARGET mote)
    install(TARGETS mote RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()

# The guest side is found by mote-cc, from where that lies.
if(TARGET moteg)
    install(TARGETS moteg ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
    install(PROGRAMS ${PROJECT_BINARY_DIR}/bin/mote-cc DESTINATION ${CMAKE_INSTALL_BINDIR})
    # Two guests to try.
    install(FILES ${PROJECT_BINARY_DIR}/guests/hello.elf ${PROJECT_BINARY_DIR}/guests/inflate.elf
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/mote/guests)
endif()

if(TARGET mote_manual)
    install(DIRECTORY ${PROJECT_BINARY_DIR}/share/ DESTINATION ${CMAKE_INSTALL_DATADIR})
endif()

set(MOTE_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/mote)
install(EXPORT mote NAMESPACE mote:: FILE mote-targets.cmake DESTINATION ${MOTE_PACKAGE_DIR})
configure_package_config_file(cmake/mote-config.cmake.in ${PROJECT_BINARY_DIR}/mote-config.cmake
    INSTALL_DESTINATION ${MOTE_PACKAGE_DIR} PATH_VARS CMAKE_INSTALL_BINDIR CMAKE_INSTALL_LIBDIR)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/mote-config-version.cmake
    VERSION ${PROJECT_VERSION} COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/mote-config.cmake ${PROJECT_BINARY_DIR}/mote-config-version.cmake
    DESTINATION ${MOTE_PACKAGE_DIR})

# The pkg-config file finds its prefix from where it lies, so that the installed tree can be moved. A
# path stays below the prefix unless it was given as an absolute one.
foreach(folder INCLUDEDIR LIBDIR)
    if(IS_ABSOLUTE ${CMAKE_INSTALL_${folder}})
        set(MOTE_PC_${folder} ${CMAKE_INSTALL_${folder}})
    else()
        set(MOTE_PC_${folder} "\${prefix}/${CMAKE_INSTALL_${folder}}")
    endif()
endforeach()
if(IS_ABSOLUTE ${CMAKE_INSTALL_LIBDIR})
    set(MOTE_PC_PREFIX ${CMAKE_INSTALL_PREFIX})
else()
    file(RELATIVE_PATH MOTE_PC_UP /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
    string(REGEX REPLACE "/$" "" MOTE_PC_UP ${MOTE_PC_UP})
    set(MOTE_PC_PREFIX "\${pcfiledir}/${MOTE_PC_UP}")
endif()
configure_file(cmake/mote.pc.in ${PROJECT_BINARY_DIR}/mote.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/mote.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
