# The page's tests in a real Chromium. Without browser, driver or selenium they are skipped and say what is missing.
set(web ${CMAKE_SOURCE_DIR}/tests/web)
add_test(NAME web_modules COMMAND ${web}/python.sh ${web}/check_modules.py)
add_test(NAME web_compare COMMAND ${web}/python.sh ${web}/check_compare.py $<TARGET_FILE:drape>)
add_test(NAME web_studio COMMAND ${web}/python.sh ${web}/check_studio.py $<TARGET_FILE:drape>)
# one browser at a time, and nobody else computing beside it: these wait for pictures
set_tests_properties(web_modules web_compare web_studio PROPERTIES SKIP_RETURN_CODE 77 RUN_SERIAL TRUE TIMEOUT 1800
                     ENVIRONMENT "DRAPE_CACHE_DIR=${CMAKE_BINARY_DIR}/cache;PYTHONPATH=${CMAKE_SOURCE_DIR}/.cache/python")
