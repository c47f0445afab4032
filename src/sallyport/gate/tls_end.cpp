#include <sallyport/gate/tls_end.hpp>

#include <fmt/format.h>

namespace sallyport::gate {

tls_end tls_end::choose(std::string_view requested, const ip_address& destination,
                        const std::function<bool(std::string_view)>& has_certificate_for) {
    const auto address = destination.text();
    const bool named = !requested.empty();
    const bool here = has_certificate_for(named ? requested : address);
    if (here && named)
        return {true, std::string(requested),
                fmt::format("ends here: a certificate is for {}, the server name that the client requests", requested)};
    if (here) return {true, {}, fmt::format("ends here: a certificate is for {}, the address of the server", address)};
    if (named)
        return {.reason = fmt::format("passes to {}: no certificate is for {}, the server name that the client requests",
                                      address, requested)};
    return {.reason = fmt::format("passes to {}: no certificate is for this address, and the client requests no server name",
                                  address)};
}

}  // namespace sallyport::gate
