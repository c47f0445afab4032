#pragma once
// The control connection of a session's client leg: its TLS, and its orderly end. What is said on it is the machine's.
//
// Owned by the session. Loop thread only.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <sallyport/base/log.hpp>
#include <sallyport/frontend/session.hpp>
#include <sallyport/gate/session_context.hpp>
#include <sallyport/net/stream.hpp>
#include <sallyport/reach/passive_mode.hpp>

namespace sallyport::gate {

class client_control {
public:
    using log_sink = std::function<void(log::level, std::string_view)>;

    /// Takes the connection out of `from`. `id` is the session's, and the context of its TLS sessions.
    client_control(std::shared_ptr<session_context> gate, frontend::admitted_connection& from, std::string id, log_sink log);

    [[nodiscard]] net::stream& stream() noexcept { return stream_; }
    [[nodiscard]] const net::stream& stream() const noexcept { return stream_; }
    /// The session's.
    [[nodiscard]] const std::string& id() const noexcept { return id_; }
    [[nodiscard]] const endpoint& peer() const noexcept { return stream_.peer(); }
    /// What the client connected to: our own address, or the load balancer's.
    [[nodiscard]] const endpoint& client_destination() const noexcept { return client_destination_; }
    /// For passive ports. `protect`: PROT P is in force; where resumption is demanded the client gets a ticket for it.
    [[nodiscard]] reach::passive_request passive_caller(bool protect);
    /// As its certificate has it; nothing where that has no say.
    [[nodiscard]] std::optional<std::string> certificate_user() const;
    /// "TLSv1.3"; empty without TLS.
    [[nodiscard]] std::string tls_version() const;

    /// Whether the end of an upload counts. A client that is killed ends all its connections: this one tells that from the
    /// end of a file (DU-03). `ended`: its end was read here.
    [[nodiscard]] result<void> check_upload_end(bool ended) const;

    // False: it failed, which is in the log, and the connection is of no use any more.
    net::task<bool> start_tls();
    net::task<bool> end_tls();
    void count_rejected(std::string_view reason);
    /// 421 `why` to a client that gets no session, and the end.
    net::task<> reject(std::string reason);
    /// After the last reply: the client's time to take it and to close.
    net::task<> close_after_final_reply();

private:
    std::shared_ptr<session_context> gate_;
    const std::string id_;
    log_sink log_;
    net::stream stream_;
    const endpoint client_destination_;
};

}  // namespace sallyport::gate
