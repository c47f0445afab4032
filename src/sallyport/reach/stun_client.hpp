#pragma once
// Asks STUN servers under which address and ports they see this host, over UDP and over TCP. IPv4 only, since NAT changes
// only IPv4 addresses.
//
// All questions over UDP have one local port, so the answers of two servers show whether the NAT gives one port to all
// destinations. The call owns its sockets; on the thread of the loop, which outlives it.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/reach/stun.hpp>

namespace sallyport::reach {

struct stun_server {
    static constexpr std::uint16_t default_port = 3478;

    std::string host;
    std::uint16_t port = default_port;

    /// Reads "stun.example.org", "stun.example.org:3478" or an IPv4 address in place of the name. errc::syntax: the text
    /// says what to write.
    [[nodiscard]] static result<stun_server> parse(std::string_view text);
    [[nodiscard]] std::string text() const;

    friend bool operator==(const stun_server&, const stun_server&) = default;
};

/// One server over one transport.
struct stun_attempt {
    stun_server server;
    bool over_tcp = false;
    result<stun_observation> seen = fail(errc::timeout);
};

/// Two attempts for each server, UDP and then TCP, in the order of the servers. Ends at the limit at the latest: an attempt
/// without an answer is errc::timeout.
net::task<std::vector<stun_attempt>> ask_stun_servers(net::loop& loop, std::vector<stun_server> servers,
                                                      net::time_limit limit);

/// The answers among the attempts.
[[nodiscard]] std::vector<stun_observation> answers_of(const std::vector<stun_attempt>& attempts);

}  // namespace sallyport::reach
