# Dependencies from the system, with their purposes. tools/deps installs all of it on Debian 12 and 13.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(OpenSSL 3 REQUIRED)                 # TLS, hashes of files
find_package(ZLIB REQUIRED)                      # CRC-32
find_package(fmt REQUIRED)                       # text
find_package(spdlog REQUIRED)                    # logs
find_package(CLI11 REQUIRED)                     # command lines
find_package(tomlplusplus REQUIRED)              # configuration
pkg_check_modules(sodium REQUIRED IMPORTED_TARGET libsodium) # password hashes, random numbers
pkg_check_modules(crypt REQUIRED IMPORTED_TARGET libcrypt) # password hashes of other programs
# Passwords of system users. Its pkg-config file in Debian 13 requires one of libaudit, which its package does not.
find_path(pam_headers security/pam_appl.h REQUIRED)
find_library(pam_library pam REQUIRED)
pkg_check_modules(sqlite REQUIRED IMPORTED_TARGET sqlite3>=3.37) # databases of accounts
pkg_check_modules(cares REQUIRED IMPORTED_TARGET libcares) # SRV records, name servers of our choice
pkg_check_modules(seccomp REQUIRED IMPORTED_TARGET libseccomp) # the filter of system calls
pkg_check_modules(nftnl REQUIRED IMPORTED_TARGET libnftnl libmnl) # the kernel's NAT
pkg_check_modules(miniupnpc REQUIRED IMPORTED_TARGET miniupnpc) # the XML of routers with UPnP
pkg_check_modules(edit REQUIRED IMPORTED_TARGET libedit) # lines typed at a terminal
pkg_check_modules(yaml REQUIRED IMPORTED_TARGET yaml-cpp) # files of Docker Compose and Kubernetes
find_path(pcap_headers pcap/pcap.h REQUIRED) # files of captures; the library is loaded when one is read
find_package(Boost 1.81 REQUIRED CONFIG COMPONENTS url) # Asio (headers), URL

# Asio and its OpenSSL half are compiled once, in net/asio_impl.cpp; everything else only sees declarations.
add_library(sallyport_asio INTERFACE)
target_compile_definitions(sallyport_asio INTERFACE
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_NO_TYPEID=0
  BOOST_ASIO_DISABLE_STD_ALIGNED_ALLOC BOOST_ASIO_DISABLE_BOOST_ALIGN)
target_link_libraries(sallyport_asio INTERFACE Boost::headers Threads::Threads)

if(SALLYPORT_TESTS)
  find_package(GTest REQUIRED)
endif()
