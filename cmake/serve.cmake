# The server of `drape serve`, and the page with all its files as part of it.
file(GLOB DRAPE_SERVE CONFIGURE_DEPENDS src/serve/*.c src/serve/*/*.c)
file(GLOB_RECURSE DRAPE_WEB CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR}/web web/*)
list(FILTER DRAPE_WEB EXCLUDE REGEX "(^|/)\\.|\\.md$|~$")
list(SORT DRAPE_WEB)
set(assets ${CMAKE_BINARY_DIR}/embedded/web)
set(DRAPE_WEB_SOURCES)
set(declared "")
set(rows "")
set(number 0)
foreach(file ${DRAPE_WEB})
  set(source ${assets}/${number}.c)
  add_custom_command(
    OUTPUT ${source}
    COMMAND ${CMAKE_COMMAND} -DINPUT=${CMAKE_SOURCE_DIR}/web/${file} -DOUTPUT=${source} -DNAME=dr_web_${number} -P
            ${CMAKE_SOURCE_DIR}/cmake/embed.cmake
    DEPENDS ${CMAKE_SOURCE_DIR}/web/${file} ${CMAKE_SOURCE_DIR}/cmake/embed.cmake)
  list(APPEND DRAPE_WEB_SOURCES ${source})
  string(APPEND declared "extern const unsigned char dr_web_${number}[];\nextern const size_t dr_web_${number}_size;\n")
  string(APPEND rows "    {\"/${file}\", dr_web_${number}, &dr_web_${number}_size},\n")
  math(EXPR number "${number} + 1")
endforeach()
file(CONFIGURE OUTPUT ${assets}/table.c @ONLY CONTENT
"/* Made by cmake/serve.cmake from the files of web/. */
#include \"serve/http/page.h\"

${declared}
const dr_asset dr_assets[] = {
${rows}    {NULL, NULL, NULL},
};
const size_t dr_asset_count = ${number};
")

add_library(drape_serve STATIC ${DRAPE_SERVE} ${DRAPE_WEB_SOURCES} ${assets}/table.c)
target_include_directories(drape_serve PUBLIC src)
target_link_libraries(drape_serve PUBLIC drape_lib PkgConfig::MICROHTTPD PkgConfig::SQLITE PkgConfig::GLIB
                      PkgConfig::JANSSON)
if(DRAPE_TSAN)
  target_compile_options(drape_serve PRIVATE -fsanitize=thread -fno-omit-frame-pointer)
endif()

# PostgreSQL as the store: libpq's header is needed here, the library only where such a store is used (src/serve/store/libpq.h).
pkg_check_modules(POSTGRESQL QUIET IMPORTED_TARGET libpq)
if(POSTGRESQL_FOUND)
  target_compile_definitions(drape_serve PRIVATE DRAPE_POSTGRESQL)
  target_include_directories(drape_serve PRIVATE ${POSTGRESQL_INCLUDE_DIRS})
endif()
message(STATUS "PostgreSQL for drape serve --store: ${POSTGRESQL_FOUND}")
