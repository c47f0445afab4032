#pragma once
// Keeps the addresses of the backend leg out of what the client reads: a backend's "150 Data connection accepted from
// 10.0.0.9:4242", its greeting, our own words about a connection that failed. A value; any thread.

#include <string>
#include <utility>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/proto/reply.hpp>

namespace sallyport::proto {

class inside_addresses {
public:
    inside_addresses() = default;
    /// `backend` and `gateway` are the two ends of the backend leg. The backend becomes "the server", the gateway, whom the
    /// backend takes for its client, becomes the client. What the client knows anyway, its own address and the one that it
    /// has connected to, is no secret.
    inside_addresses(const ip_address& backend, const ip_address& gateway, const ip_address& client,
                     const ip_address& client_destination);

    /// Each address that stands there as a word of its own, with the port behind it. It is no word of its own within a name,
    /// such as "log.10.0.0.5.gz" or "/10.0.0.5/".
    [[nodiscard]] std::string hidden(std::string text) const { return hidden(std::move(text), {}); }
    void hide(reply& r) const { hide(r, {}); }
    /// In a reply that can only mean the other end of a data connection: `data_peer` instead of either.
    void hide(reply& r, const std::string& data_peer) const;

private:
    [[nodiscard]] std::string hidden(std::string text, const std::string& data_peer) const;

    std::vector<std::pair<std::string, std::string>> words_;
};

}  // namespace sallyport::proto
