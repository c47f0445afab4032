// The forms of an endpoint.
// - Whatever parses has a port that is not 0, and its canonical form parses to the same.
// - The parser of 227 finds the canonical form of PORT, and nothing else in its text, so that gateway and server can't
// disagree
//   about it. (PORT may have blanks after its commas, 227 may not.)

#include <sallyport/proto/host_port.hpp>

#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sallyport;
    using sallyport::fuzz::check;
    const auto text = sallyport::fuzz::text_of(data, size);
    if (const auto e = proto::parse_host_port(text)) {
        check(e->port != 0 && e->address.is_v4(), "PORT is IPv4 with a port");
        check(proto::parse_host_port(proto::format_host_port(*e)) == *e, "PORT there and back");
        check(proto::parse_227(proto::format_host_port(*e)) == *e, "227 finds what PORT means");
        if (const auto other = proto::parse_227(text)) check(*other == *e, "PORT and 227 agree");
    }
    if (const auto e = proto::parse_227(text)) {
        check(e->port != 0 && e->address.is_v4(), "227 is IPv4 with a port");
        check(proto::parse_227(proto::format_227(*e)) == *e, "227 there and back");
    }
    if (const auto e = proto::parse_eprt(text)) {
        check(e->port != 0 && e->address.scope() == 0, "EPRT has a port and no zone");
        check(proto::parse_eprt(proto::format_eprt(*e)) == *e, "EPRT there and back");
    }
    if (const auto port = proto::parse_229(text)) {
        check(*port != 0, "229 has a port");
        check(proto::parse_229(proto::format_229(*port)) == *port, "229 there and back");
    }
    (void)proto::parse_epsv_argument(text);
    return 0;
}
