# What `cmake --install` puts where: the program, its man page and completions, the small model with its clothes parser,
# the example photos; both libraries, the header, drape.pc.
file(RELATIVE_PATH DRAPE_PC_PREFIX "/prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/prefix")
configure_file(cmake/drape.pc.in ${CMAKE_BINARY_DIR}/drape.pc @ONLY)
install(TARGETS drape RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT program)
install(TARGETS drape_lib ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT library)
if(TARGET drape_shared) # not with sanitizers
  install(TARGETS drape_shared LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT shared NAMELINK_COMPONENT library)
endif()
install(FILES include/drape.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT library)
install(FILES ${CMAKE_BINARY_DIR}/drape.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT library)
# What drape_pipeline_load() and drape_parser_load() find without being told.
install(DIRECTORY models/mini DESTINATION ${CMAKE_INSTALL_DATADIR}/drape/models COMPONENT program)
# Something to try it with.
file(GLOB examples examples/*.jpg examples/*.png)
install(FILES ${examples} DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples COMPONENT program)

# The man page is what --help says, and the completions come from the program's tables, too.
if(NOT CMAKE_CROSSCOMPILING)
  set(DRAPE_ZSH_DIR ${CMAKE_INSTALL_DATADIR}/zsh/site-functions CACHE STRING "Where zsh looks for completions")
  set(man ${CMAKE_BINARY_DIR}/drape.1)
  add_custom_command(OUTPUT ${man} COMMAND ${CMAKE_SOURCE_DIR}/scripts/man.sh $<TARGET_FILE:drape> > ${man}
                     DEPENDS drape scripts/man.sh)
  if(DRAPE_PACKAGE) # as Debian wants its pages
    add_custom_command(OUTPUT ${man}.gz COMMAND gzip -9nc ${man} > ${man}.gz DEPENDS ${man})
    set(man ${man}.gz)
  endif()
  set(made ${man})
  foreach(shell bash zsh fish)
    set(file ${CMAKE_BINARY_DIR}/completion.${shell})
    add_custom_command(OUTPUT ${file} COMMAND drape completion ${shell} > ${file} DEPENDS drape)
    list(APPEND made ${file})
  endforeach()
  add_custom_target(man ALL DEPENDS ${made})
  install(FILES ${man} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT program)
  install(FILES ${CMAKE_BINARY_DIR}/completion.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions
          RENAME drape COMPONENT program)
  install(FILES ${CMAKE_BINARY_DIR}/completion.zsh DESTINATION ${DRAPE_ZSH_DIR} RENAME _drape COMPONENT program)
  install(FILES ${CMAKE_BINARY_DIR}/completion.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d
          RENAME drape.fish COMPONENT program)
endif()
include(cmake/package.cmake)
