#pragma once
// The control connection of a session's client leg: its TLS, its identity for data connections, and its orderly close. The
// relay machine decides which replies are sent on it.
//
// Owned by the session. Loop thread only.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <sallyport/base/log.hpp>
#include <sallyport/frontend/session.hpp>
#include <sallyport/gate/interception_rule.hpp>
#include <sallyport/gate/session_context.hpp>
#include <sallyport/gate/tls_end.hpp>
#include <sallyport/net/stream.hpp>
#include <sallyport/reach/passive_mode.hpp>

namespace sallyport::gate {

class client_control {
public:
    using log_sink = std::function<void(log::level, std::string_view)>;

    /// Moves the socket out of `from`. `id` is the session ID, which is also the context of its TLS sessions.
    client_control(std::shared_ptr<session_context> gate, frontend::admitted_connection& from, std::string id, log_sink log);

    [[nodiscard]] net::stream& stream() noexcept { return stream_; }
    [[nodiscard]] const net::stream& stream() const noexcept { return stream_; }
    /// The session ID.
    [[nodiscard]] const std::string& id() const noexcept { return id_; }
    [[nodiscard]] const endpoint& peer() const noexcept { return stream_.peer(); }
    /// The address that the client connected to; behind a load balancer, the destination in its PROXY header.
    [[nodiscard]] const endpoint& client_destination() const noexcept { return client_destination_; }
    /// The rule by which the client was intercepted, on its way to its destination; null if it has connected to this
    /// gateway.
    [[nodiscard]] const interception_rule* interception() const noexcept { return interception_; }
    /// The server of an intercepted client: the address that the client connected to; with nat64, the IPv4 address within
    /// it.
    [[nodiscard]] ip_address server_address() const noexcept {
        const auto& to = client_destination_.address;
        return interception_ != nullptr ? interception_->server_of(to) : to;
    }
    /// Why an intercepted client is not served, for its 421: its destination is this machine itself, or no server's
    /// address. Empty otherwise.
    [[nodiscard]] std::string_view refusal() const;
    /// The port that an intercepted client has connected to is one of implicit TLS.
    [[nodiscard]] bool has_implicit_tls() const noexcept {
        return interception_ != nullptr && interception_->is_implicit(client_destination_.port);
    }
    /// TLS ends at the server, and is not read here. Not before choose_tls_end(), if there is a choice.
    [[nodiscard]] bool passes_tls() const noexcept;
    /// The session is intercepted, and its TLS ends here or passes, as choose_tls_end() is yet to decide.
    [[nodiscard]] bool awaits_tls_choice() const noexcept {
        return interception_ != nullptr && interception_->tls == intercepted_tls::end && !tls_end_;
    }
    /// The server name that an intercepted client has requested in its TLS, if that ends here; otherwise empty.
    [[nodiscard]] const std::string& requested_host() const noexcept;
    /// The client as passive ports need to know it. `protect`: PROT P is in force; if TLS sessions can be resumed, the
    /// client then gets a ticket for its data connection.
    [[nodiscard]] reach::passive_request passive_caller(bool protect);
    /// The user name in the client's certificate; nothing if certificates do not determine the user.
    [[nodiscard]] std::optional<std::string> certificate_user() const;
    /// For example "TLSv1.3"; empty without TLS.
    [[nodiscard]] std::string tls_version() const;

    /// An error if the control connection has ended: then the end of an upload is not the end of the file, but that of a
    /// client that was killed (DU-03). `ended`: the session has read the end of the control connection.
    [[nodiscard]] result<void> check_upload_end(bool ended) const;

    // False after a failure, which was logged; the connection cannot be used any more.
    /// Waits for the client's ClientHello and decides by it, if there is a choice.
    net::task<bool> choose_tls_end(net::deadline until);
    net::task<bool> start_tls(net::deadline until);
    net::task<bool> end_tls();
    void count_rejected(std::string_view reason);
    /// Sends 421 with the reason to a client that was not admitted, and closes.
    net::task<> reject(std::string reason);
    /// Sends a reply, if that is possible without waiting and without TLS, and closes. For a session without memory.
    void close_with(std::string_view reply) noexcept;
    /// Waits, for a limited time, until the client has received the final reply and closed.
    net::task<> close_after_final_reply();

private:
    std::shared_ptr<session_context> gate_;
    const std::string id_;
    log_sink log_;
    net::stream stream_;
    const endpoint client_destination_;
    // In the settings of the session.
    const interception_rule* const interception_;
    std::optional<tls_end> tls_end_;
};

}  // namespace sallyport::gate
