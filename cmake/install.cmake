# What `cmake --install` puts where: the program and its man page, both libraries, the header, drape.pc, the small model
# with its clothes parser.
file(RELATIVE_PATH DRAPE_PC_PREFIX "/prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/prefix")
configure_file(cmake/drape.pc.in ${CMAKE_BINARY_DIR}/drape.pc @ONLY)
set(installed drape drape_lib)
if(TARGET drape_shared) # not with sanitizers
  list(APPEND installed drape_shared)
endif()
install(TARGETS ${installed} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR}
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES include/drape.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES ${CMAKE_BINARY_DIR}/drape.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
# What drape_pipeline_load() and drape_parser_load() find without being told.
install(DIRECTORY models/mini DESTINATION ${CMAKE_INSTALL_DATADIR}/drape/models)

# The man page is what --help says.
if(NOT CMAKE_CROSSCOMPILING)
  add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/drape.1
                     COMMAND ${CMAKE_SOURCE_DIR}/scripts/man.sh $<TARGET_FILE:drape> > ${CMAKE_BINARY_DIR}/drape.1
                     DEPENDS drape scripts/man.sh)
  add_custom_target(man ALL DEPENDS ${CMAKE_BINARY_DIR}/drape.1)
  install(FILES ${CMAKE_BINARY_DIR}/drape.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
endif()
