// Configurations of other FTP servers.
// - Any text is read; a range of ports is empty or in order.

#include <sallyport/doctor/server_configuration.hpp>
#include <sallyport/doctor/server_host.hpp>

#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sallyport;
    using sallyport::fuzz::check;
    const auto text = sallyport::fuzz::text_of(data, size);
    for (const auto& known : {doctor::read_vsftpd(text), doctor::read_proftpd(text), doctor::read_pure_ftpd(text)})
        check(known.passive_ports.first <= known.passive_ports.last, "the range is in order");
    for (const bool v4 : {true, false}) {
        const auto table = doctor::read_socket_table(text, v4);
        check(table.listening.size() == table.inodes.size(), "each socket has an inode");
    }
    return 0;
}
