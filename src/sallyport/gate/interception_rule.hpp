#pragma once
// One interception as the administrator writes it: which connections the gateway takes, and how it treats their TLS. The
// value of --intercept, "IF[,IF...][?TERMS]" (G2, G3, G9).
//
// Values and pure functions; any thread.

#include <cstdint>
#include <span>
#include <string_view>

#include <sallyport/base/error.hpp>
#include <sallyport/firewall/interception.hpp>

namespace sallyport::gate {

/// What happens to TLS of an intercepted session: it passes between client and server without being read, it ends here and
/// starts again on the backend leg where this gateway has a certificate (tls_end.hpp), or AUTH is refused.
enum class intercepted_tls : std::uint8_t { pass, end, refuse };
[[nodiscard]] std::string_view name(intercepted_tls t) noexcept;

struct interception_rule {
    firewall::interception connections{};
    intercepted_tls tls = intercepted_tls::pass;
    // The networks in `to` are prefixes of a NAT64: the session's server has the IPv4 address that its destination contains
    // (RFC 6384).
    bool nat64 = false;

    /// The error names the term, and says what to write instead.
    [[nodiscard]] static result<interception_rule> parse(std::string_view text);
    /// Connections to this port begin with TLS.
    [[nodiscard]] bool is_implicit(std::uint16_t port) const noexcept;
    /// The address of the server for this destination of a client.
    [[nodiscard]] ip_address server_of(const ip_address& destination) const noexcept;
    /// With nat64: this destination stands for an IPv4 address that is not public, in 64:ff9b::/96, which excludes them.
    [[nodiscard]] bool is_untranslatable(const ip_address& destination) const noexcept;

    friend bool operator==(const interception_rule&, const interception_rule&) = default;
};

/// One term of a rule, such as ports=N,N.
struct interception_term {
    // "ports=N,N", or a word alone.
    std::string_view form;
    std::string_view default_text;
    std::string_view help;
    // False if the value is invalid.
    bool (*read)(std::string_view value, interception_rule& into);

    [[nodiscard]] std::string_view name() const noexcept { return form.substr(0, form.find('=')); }
};
[[nodiscard]] std::span<const interception_term> interception_terms() noexcept;

}  // namespace sallyport::gate
