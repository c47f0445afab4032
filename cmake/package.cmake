# The Debian package, for cpack: its name, its dependencies (by dpkg-shlibdeps), its scripts.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME sallyport)
set(CPACK_PACKAGE_VERSION "${PROJECT_VERSION}")
set(CPACK_PACKAGE_CONTACT "The Sallyport authors <sallyport@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "FTP and FTPS server, client and gateway for firewalls and NAT")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
    "Sallyport serves a directory by FTP and FTPS, transfers files as a client, and
runs as a gateway in front of FTP servers or on a router. It gets data
connections through firewalls, NAT routers and load balancers, and reports the
cause where that fails.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
# Packages of one version for two releases of Debian are linked with other libraries.
cmake_host_system_information(RESULT debian QUERY DISTRIB_VERSION_ID)
set(CPACK_DEBIAN_PACKAGE_RELEASE "1~deb${debian}")
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# The user of the services is created by the package's script.
set(CPACK_DEBIAN_PACKAGE_DEPENDS "systemd | systemd-standalone-sysusers")
# Loaded when the doctor reads a capture.
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS libpcap0.8)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "fail2ban, logrotate")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
    "${CMAKE_SOURCE_DIR}/packaging/debian/postinst;${CMAKE_SOURCE_DIR}/packaging/debian/prerm;${CMAKE_SOURCE_DIR}/packaging/debian/postrm;${CMAKE_SOURCE_DIR}/packaging/debian/conffiles")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_STRIP_FILES ON)
include(CPack)
