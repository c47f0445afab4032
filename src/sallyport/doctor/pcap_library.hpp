#pragma once
// libpcap, loaded when the first capture is read. It is not linked, since it needs libdbus and libsystemd, which would
// then be part of every server, every gateway and their helper processes.
//
// A value that its caller owns; any thread. The library stays loaded until the process ends.

#include <pcap/pcap.h>

#include <sallyport/base/error.hpp>

namespace sallyport::doctor {

/// The functions of libpcap that read files, as pcap(3PCAP) describes them.
struct pcap_library {
    decltype(&::pcap_fopen_offline) fopen_offline = nullptr;
    decltype(&::pcap_datalink) datalink = nullptr;
    decltype(&::pcap_datalink_val_to_name) datalink_val_to_name = nullptr;
    decltype(&::pcap_next_ex) next_ex = nullptr;
    decltype(&::pcap_geterr) geterr = nullptr;
    decltype(&::pcap_close) close = nullptr;

    /// errc::unsupported if libpcap is not installed, with what to install. A failure is not remembered.
    [[nodiscard]] static result<pcap_library> load();
};

}  // namespace sallyport::doctor
