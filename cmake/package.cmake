# What `make package` makes: drape_*.deb with the program and its data, libdrape0_*.deb and libdrape-dev_*.deb with
# the library, and a .tar.gz with everything that runs from wherever it is unpacked.
set(CPACK_PACKAGE_NAME drape)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "drape contributors <drape@localhost>" CACHE STRING "Who the packages name as their maintainer")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "virtual try-on with Stable Diffusion inpainting models, on the CPU")
set(CPACK_RESOURCE_FILE_LICENSE ${CMAKE_SOURCE_DIR}/LICENSE)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGE_FILE_NAME drape-${PROJECT_VERSION}-${CMAKE_SYSTEM_NAME}-${CMAKE_SYSTEM_PROCESSOR})
set(CPACK_GENERATOR TGZ)
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_ARCHIVE_THREADS 0)
set(CPACK_COMPONENTS_ALL program shared library)

# Debian's packages carry the system they were made on in their version: libraries differ from one to the next.
find_program(DPKG_SHLIBDEPS dpkg-shlibdeps)
if(DPKG_SHLIBDEPS)
  list(APPEND CPACK_GENERATOR DEB)
  file(STRINGS /etc/os-release release REGEX "^(ID|VERSION_ID)=")
  string(REGEX MATCH "(^|;)ID=\"?([a-z]+)" nothing "${release}")
  set(system ${CMAKE_MATCH_2})
  string(REGEX MATCH "VERSION_ID=\"?([0-9.]+)" nothing "${release}")
  set(CPACK_DEBIAN_PACKAGE_RELEASE "1+${system}${CMAKE_MATCH_1}")
endif()
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_NAME drape)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SECTION graphics)
set(CPACK_DEBIAN_PROGRAM_DESCRIPTION "drape paints another garment into a photo of a person and leaves the
 rest of the photo as it was. It finds the clothes by itself, learns a
 garment from a few photos, and has a studio for the browser. A small
 model comes with it.")
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SUGGESTS libpq5) # for a store in PostgreSQL
set(CPACK_DEBIAN_SHARED_PACKAGE_NAME libdrape0)
set(CPACK_DEBIAN_SHARED_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_SHARED_PACKAGE_RECOMMENDS drape) # the small model
set(CPACK_DEBIAN_SHARED_DESCRIPTION "The shared library, for programs that were built on it.")
set(CPACK_DEBIAN_LIBRARY_PACKAGE_NAME libdrape-dev)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_DEPENDS
    "libdrape0 (= ${PROJECT_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE}), libdnnl-dev, libvips-dev, libjansson-dev, libcurl4-openssl-dev | libcurl-dev, liblapacke-dev")
set(CPACK_DEBIAN_LIBRARY_DESCRIPTION "The header drape.h, the static library and the pkg-config file.")
foreach(part program shared library)
  string(TOUPPER ${part} name)
  install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${CPACK_DEBIAN_${name}_PACKAGE_NAME} RENAME copyright
          COMPONENT ${part})
endforeach()
install(FILES CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT program)
include(CPack)
