// The answer of a STUN server.
// - An answer is the endpoint of a host, and only one to the question that was asked.
// - With other attributes than those that were read, or another length, it is not read beyond its end.

#include <sallyport/base/limits.hpp>
#include <sallyport/reach/stun.hpp>

#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sallyport;
    using sallyport::fuzz::check;
    const reach::datagram_view bytes(data, size);
    // The input's own transaction, so that the mutations reach the attributes.
    reach::stun_transaction id{};
    if (size >= reach::stun_header_bytes) std::copy_n(data + 8, id.size(), id.begin());
    const auto got = reach::parse_stun_answer(bytes, id);
    if (size >= reach::stun_header_bytes) {
        const auto announced = reach::stun_message_size(bytes.first(reach::stun_header_bytes));
        check(!announced || *announced <= limits::max_stun_message, "the size that is waited for is bounded");
        check(!got || (announced && *announced == size), "an answer has the size of its header");
    }
    if (!got) return 0;
    check(got->port != 0 && !got->address.is_unspecified() && !got->address.is_multicast(), "an endpoint of a host");
    id.front() ^= 1U;
    check(!reach::parse_stun_answer(bytes, id), "only the answer to the question");
    return 0;
}
