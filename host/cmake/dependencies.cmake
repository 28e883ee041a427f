# Finds what the host needs and lists everything that is missing at once, with the versions it must have.
# LibTorch comes from CMAKE_PREFIX_PATH, or from the `torch` that .venv or python3 imports.  It is linked by path:
# LibTorch's own package file asks for a CUDA toolkit when it was built with CUDA.

set(missing "")
macro(samara_need what)
  if(NOT (${ARGN}))
    list(APPEND missing "  ${what}")
  endif()
endmacro()

# ---- LibTorch 2.11 or later (developed on 2.13) ----
file(TO_CMAKE_PATH "$ENV{CMAKE_PREFIX_PATH}" hints)
list(PREPEND hints ${CMAKE_PREFIX_PATH})
foreach(python ${CMAKE_SOURCE_DIR}/.venv/bin/python python3)
  execute_process(COMMAND ${python} -c "import torch; print(torch.utils.cmake_prefix_path)"
    OUTPUT_VARIABLE prefix OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
  if(NOT failed)
    list(APPEND hints ${prefix})
  endif()
endforeach()
list(TRANSFORM hints REPLACE "/share/cmake/?$" "")
find_path(TORCH_ROOT include/ATen/ATen.h PATHS ${hints} PATH_SUFFIXES "" libtorch NO_DEFAULT_PATH)
find_library(TORCH_CPU_LIBRARY torch_cpu PATHS ${TORCH_ROOT}/lib NO_DEFAULT_PATH)
find_library(TORCH_LIBRARY torch PATHS ${TORCH_ROOT}/lib NO_DEFAULT_PATH)
find_library(C10_LIBRARY c10 PATHS ${TORCH_ROOT}/lib NO_DEFAULT_PATH)
samara_need("LibTorch >= 2.11      pip install torch, or CMAKE_PREFIX_PATH=<unpacked libtorch>"
  TORCH_ROOT AND TORCH_CPU_LIBRARY AND C10_LIBRARY)
if(TORCH_ROOT)
  # The version string may stand on the line after its #define.
  file(READ ${TORCH_ROOT}/include/torch/headeronly/version.h version_text)
  string(REGEX MATCH "define TORCH_VERSION [^\"]*\"([0-9]+\\.[0-9]+\\.[0-9]+)" found "${version_text}")
  set(SAMARA_TORCH_VERSION "${CMAKE_MATCH_1}")
  if(SAMARA_TORCH_VERSION VERSION_LESS 2.11)
    list(APPEND missing "  LibTorch >= 2.11      found ${SAMARA_TORCH_VERSION} at ${TORCH_ROOT}")
  endif()
endif()

# ---- distribution packages ----
find_package(Boost 1.74 QUIET COMPONENTS filesystem)
samara_need("Boost >= 1.74         libboost-filesystem-dev libboost-dev (Boost.DLL)" Boost_FOUND)
find_package(tomlplusplus 3.0 QUIET)
samara_need("toml++ >= 3.0         libtomlplusplus-dev" tomlplusplus_FOUND)
find_package(HDF5 1.10 QUIET COMPONENTS C)
samara_need("HDF5 >= 1.10 (C)      libhdf5-dev" HDF5_FOUND)
find_package(spdlog 1.10 QUIET)
samara_need("spdlog >= 1.10        libspdlog-dev" spdlog_FOUND)
find_package(nlohmann_json 3.11 QUIET)
samara_need("nlohmann-json >= 3.11 nlohmann-json3-dev" nlohmann_json_FOUND)
find_package(CLI11 2.1 QUIET)
samara_need("CLI11 >= 2.1          libcli11-dev" CLI11_FOUND)
find_package(OpenSSL 1.1.1 QUIET COMPONENTS Crypto)
samara_need("OpenSSL >= 1.1.1      libssl-dev" OpenSSL_FOUND)
find_package(ZLIB 1.2 QUIET)
samara_need("zlib >= 1.2           zlib1g-dev" ZLIB_FOUND)
find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
  pkg_check_modules(PCRE2 QUIET IMPORTED_TARGET libpcre2-8>=10.32)
  pkg_check_modules(UTF8PROC QUIET IMPORTED_TARGET libutf8proc>=2.4)
endif()
samara_need("pkg-config            pkg-config" PkgConfig_FOUND)
samara_need("PCRE2 >= 10.32        libpcre2-dev" PCRE2_FOUND)
samara_need("utf8proc >= 2.4       libutf8proc-dev" UTF8PROC_FOUND)
if(SAMARA_BUILD_TESTS)
  find_package(Catch2 3 QUIET)
  samara_need("Catch2 >= 3           catch2 (Debian 12: from the backports suite)" Catch2_FOUND)
endif()
if(missing)
  list(JOIN missing "\n" missing)
  message(FATAL_ERROR "Samara needs what this machine lacks:\n${missing}\n"
    "`scripts/dev setup` installs all of it on Debian 12/13 and Ubuntu 24.04.")
endif()

# LibTorch as one imported target.  Its OpenMP runtime is the only one: at::parallel_for in our files needs
# -fopenmp to compile and links the libgomp beside LibTorch, never the compiler's.
add_library(samara_torch INTERFACE)
target_include_directories(samara_torch SYSTEM INTERFACE
  ${TORCH_ROOT}/include ${TORCH_ROOT}/include/torch/csrc/api/include)
target_link_libraries(samara_torch INTERFACE
  -Wl,--no-as-needed ${TORCH_LIBRARY} ${TORCH_CPU_LIBRARY} -Wl,--as-needed ${C10_LIBRARY})
target_compile_options(samara_torch INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-fopenmp>)
file(GLOB gomp ${TORCH_ROOT}/lib/libgomp*.so*)
if(gomp)
  list(GET gomp 0 gomp)
  target_link_libraries(samara_torch INTERFACE ${gomp})
else()
  target_link_options(samara_torch INTERFACE -fopenmp)
endif()
