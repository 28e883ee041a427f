# find_package(Samara): target Samara::sdk and function samara_add_plugin().
include(${CMAKE_CURRENT_LIST_DIR}/SamaraTargets.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/SamaraPlugin.cmake)
