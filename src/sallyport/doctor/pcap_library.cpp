#include <sallyport/doctor/pcap_library.hpp>

#include <array>

#include <dlfcn.h>
#include <fmt/format.h>

namespace sallyport::doctor {
namespace {

template <class Function>
[[nodiscard]] bool find(void* library, const char* name, Function*& into) {
    into = reinterpret_cast<Function*>(::dlsym(library, name));
    return into != nullptr;
}

[[nodiscard]] void* open_library() {
    // Debian's name first, which other systems call libpcap.so.1.
    for (const char* const name : std::to_array({"libpcap.so.0.8", "libpcap.so.1"}))
        if (auto* const library = ::dlopen(name, RTLD_NOW | RTLD_LOCAL)) return library;
    return nullptr;
}

}  // namespace

result<pcap_library> pcap_library::load() {
    auto* const library = open_library();
    pcap_library out;
    const bool complete = library != nullptr && find(library, "pcap_fopen_offline", out.fopen_offline) &&
                          find(library, "pcap_datalink", out.datalink) &&
                          find(library, "pcap_datalink_val_to_name", out.datalink_val_to_name) &&
                          find(library, "pcap_next_ex", out.next_ex) && find(library, "pcap_geterr", out.geterr) &&
                          find(library, "pcap_close", out.close);
    if (complete) return out;
    const char* const why = ::dlerror();
    return fail(
        errc::unsupported,
        fmt::format("captures are read with libpcap, which cannot be loaded ({}); install the package libpcap0.8, or "
                    "the one that is called libpcap on other systems",
                    why == nullptr ? "unknown reason" : why));
}

}  // namespace sallyport::doctor
