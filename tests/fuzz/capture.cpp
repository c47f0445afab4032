// Captures: files of pcap and pcapng, and packets of each link layer.
// - Any bytes are read.
// - No fact has more of a packet than there is, and no text is that of PASS or ACCT.

#include <sallyport/base/ascii.hpp>
#include <sallyport/diagnosis/facts_json.hpp>
#include <sallyport/diagnosis/rules.hpp>
#include <sallyport/doctor/capture_file.hpp>
#include <sallyport/doctor/packet.hpp>

#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sallyport;
    using sallyport::fuzz::check;
    const auto bytes = sallyport::fuzz::text_of(data, size);
    for (const auto link : {doctor::link_layer::null, doctor::link_layer::ethernet, doctor::link_layer::raw,
                            doctor::link_layer::cooked, doctor::link_layer::cooked_v2})
        if (const auto read = doctor::read_packet(link, bytes))
            check(read->payload.size() <= bytes.size() && read->payload.size() <= read->size,
                  "the payload is in the packet");
    if (!doctor::is_capture(bytes)) return 0;
    const auto sessions = doctor::read_capture(std::string(bytes));
    if (!sessions) return 0;
    for (const auto& each : *sessions) {
        (void)diagnosis::judge(each);
        (void)diagnosis::to_json(each);
    }
    return 0;
}
