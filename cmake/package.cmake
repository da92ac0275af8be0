# What `make package` makes: drape_*.deb with the program and its data, libdrape-dev_*.deb with the libraries, and a .tar.gz
# with everything that runs from wherever it is unpacked.
set(CPACK_PACKAGE_NAME drape)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "drape contributors <drape@localhost>" CACHE STRING "Who the packages name as their maintainer")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "virtual try-on with Stable Diffusion inpainting models, on the CPU")
set(CPACK_RESOURCE_FILE_LICENSE ${CMAKE_SOURCE_DIR}/LICENSE)
set(CPACK_STRIP_FILES ON)
set(CPACK_GENERATOR TGZ)
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_ARCHIVE_THREADS 0)
set(CPACK_COMPONENTS_ALL program library)

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
set(CPACK_PACKAGING_INSTALL_PREFIX "")
set(CPACK_DEBIAN_PROGRAM_PACKAGE_NAME drape)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SECTION graphics)
set(CPACK_DEBIAN_PROGRAM_DESCRIPTION
    "virtual try-on with Stable Diffusion inpainting models, on the CPU
 drape paints another garment into a photo of a person and leaves the rest of the photo as it was. It finds the clothes by
 itself, learns a garment from a few photos, and has a studio for the browser. A small model comes with it.")
set(CPACK_DEBIAN_LIBRARY_PACKAGE_NAME libdrape-dev)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_DEPENDS
    "drape (= ${PROJECT_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE}), libdnnl-dev, libvips-dev, libjansson-dev, libcurl4-openssl-dev | libcurl-dev")
set(CPACK_DEBIAN_LIBRARY_DESCRIPTION
    "virtual try-on with Stable Diffusion inpainting models: the library
 The header drape.h, the static and the shared library, and the pkg-config file of drape.")
foreach(package drape libdrape-dev)
  set(component program)
  if(package STREQUAL libdrape-dev)
    set(component library)
  endif()
  install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${package} RENAME copyright COMPONENT ${component})
  install(FILES CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${package} RENAME changelog COMPONENT ${component})
endforeach()
include(CPack)
