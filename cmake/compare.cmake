# What `drape compare` writes into its pages and sheets: the page's parts, some of which are the studio's, and letters.
set(DRAPE_COMPARE_SOURCES)
function(embed_compare name file)
  set(source ${CMAKE_BINARY_DIR}/embedded/${name}.c)
  add_custom_command(
    OUTPUT ${source}
    COMMAND ${CMAKE_COMMAND} -DINPUT=${file} -DOUTPUT=${source} -DNAME=${name} -P ${CMAKE_SOURCE_DIR}/cmake/embed.cmake
    DEPENDS ${file} ${CMAKE_SOURCE_DIR}/cmake/embed.cmake)
  set(DRAPE_COMPARE_SOURCES ${DRAPE_COMPARE_SOURCES} ${source} PARENT_SCOPE)
endfunction()
function(bundle_compare file)
  list(TRANSFORM ARGN PREPEND ${CMAKE_SOURCE_DIR}/)
  string(REPLACE ";" ":" inputs "${ARGN}")
  add_custom_command(
    OUTPUT ${file}
    COMMAND ${CMAKE_COMMAND} -DOUTPUT=${file} -DINPUTS=${inputs} -P ${CMAKE_SOURCE_DIR}/cmake/bundle.cmake
    DEPENDS ${ARGN} ${CMAKE_SOURCE_DIR}/cmake/bundle.cmake)
endfunction()

set(bundles ${CMAKE_BINARY_DIR}/embedded)
bundle_compare(${bundles}/compare.css web/css/base.css web/css/controls.css web/css/compare.css data/compare/page.css)
bundle_compare(${bundles}/compare.js web/js/dom.js web/js/store.js web/js/format.js web/js/ui/theme.js web/js/ui/fields.js
               web/js/ui/frame.js web/js/ui/compare.js web/js/ui/pair.js data/compare/page.js)
embed_compare(dr_compare_html ${CMAKE_SOURCE_DIR}/data/compare/page.html)
embed_compare(dr_compare_css ${bundles}/compare.css)
embed_compare(dr_compare_js ${bundles}/compare.js)
embed_compare(dr_label_png ${CMAKE_SOURCE_DIR}/data/font/label.png)
embed_compare(dr_label_json ${CMAKE_SOURCE_DIR}/data/font/label.json)
