#pragma once
// Removes the addresses of the backend leg from replies to the client.
//
// Such addresses occur in a backend's greeting, in its "150 Data connection accepted from 10.0.0.9:4242", and in the
// gateway's own texts about a failed connection. A value; any thread.

#include <string>
#include <utility>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/proto/reply.hpp>

namespace sallyport::proto {

class inside_addresses {
public:
    inside_addresses() = default;
    /// `backend` and `gateway` are the two ends of the backend leg. The backend's address is replaced by "the server", and
    /// the gateway's, which the backend takes for its client, by the client's address. Addresses that the client knows, its
    /// own and its destination, are not hidden.
    inside_addresses(const ip_address& backend, const ip_address& gateway, const ip_address& client,
                     const ip_address& client_destination);

    /// Replaces each address that is a word of its own, with a port that follows it. An address within a name, such as
    /// "log.10.0.0.5.gz" or "/10.0.0.5/", is not replaced.
    [[nodiscard]] std::string hidden(std::string text) const { return hidden(std::move(text), {}); }
    void hide(reply& r) const { hide(r, {}); }
    /// For a reply in which an address can only be the other end of a data connection: either address becomes `data_peer`.
    void hide(reply& r, const std::string& data_peer) const;

private:
    [[nodiscard]] std::string hidden(std::string text, const std::string& data_peer) const;

    std::vector<std::pair<std::string, std::string>> words_;
};

}  // namespace sallyport::proto
