// The PROXY header.
// - In whatever pieces the bytes arrive, of the sizes that it asks for, the result is the same, and no byte after it is
// read.
// - What it says can be written in both versions and is then read the same.

#include <sallyport/base/limits.hpp>
#include <sallyport/proto/proxy_header.hpp>

#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sallyport;
    using sallyport::fuzz::check;
    using state = proto::parsed_proxy_header::state;
    const auto bytes = sallyport::fuzz::text_of(data, size);
    const auto whole = proto::parse_proxy_header(bytes);

    std::size_t taken = 0;
    auto step = proto::parse_proxy_header({});
    while (step.status == state::need_more && taken < size) {
        check(step.bytes > 0 && taken + step.bytes <= limits::max_proxy_header, "what it asks for is bounded");
        taken = std::min(size, taken + step.bytes);
        step = proto::parse_proxy_header(bytes.substr(0, taken));
    }
    check(step.status == whole.status && step.header == whole.header, "splits do not matter");
    if (whole.status != state::done) return 0;
    check(taken == whole.bytes, "nothing after the header is read");
    for (const auto version : {proto::proxy_version::v1, proto::proxy_version::v2}) {
        const auto written = proto::write_proxy_header(whole.header, version);
        const auto again = proto::parse_proxy_header(written);
        check(again.status == state::done && again.bytes == written.size() && again.header == whole.header,
              "there and back");
    }
    return 0;
}
