#include <sallyport/gate/original_destination.hpp>

#include <utility>

#include <sallyport/gate/leg_settings.hpp>

namespace sallyport::gate {
namespace {

/// The client has chosen it, and the next client may choose another one: nothing is learned about it.
class original_destination final : public destination::maker {
public:
    original_destination(const endpoint& at, backend_tls tls)
        : parameters_{.host = at.address.text(), .port = at.port, .tls = tls, .addresses = {at.address}} {}

    [[nodiscard]] const backend& parameters() const override { return parameters_; }
    void responded(net::clock::duration /*response_time*/) override {}
    void failed(const backend_failure& /*failure*/) override {}
    void suspected() override {}
    [[nodiscard]] proto::method_set refused_methods() const override { return {}; }
    void learn_refused_methods(proto::method_set /*refused*/) override {}
    void waits_for_user(net::deadline /*now*/, std::function<void()> /*end_session*/) override {}
    void user_received() override {}

private:
    const backend parameters_;
};

/// Where TLS ends here, the backend leg has it as the client leg has.
[[nodiscard]] backend_tls tls_of(const client_control& client) noexcept {
    if (client.has_implicit_tls()) return backend_tls::implicit;
    return client.interception()->tls == intercepted_tls::end ? backend_tls::match : backend_tls::none;
}

}  // namespace

net::task<std::expected<established_leg, no_leg>> connect_original(net::loop& loop, const session_context& gate,
                                                                   const client_control& client, leg_request request,
                                                                   std::function<void(log::level, std::string_view)> log) {
    destination to(std::make_unique<original_destination>(client.client_destination(), tls_of(client)));
    request.make_socket = socket_maker(gate, client);
    auto leg = co_await establish_leg(loop, gate, std::move(to), std::move(request), std::move(log));
    if (leg) co_return std::move(*leg);
    if (leg.error().reply != 0)
        co_return std::unexpected(no_leg{"The FTP server does not accept the session now; try again later."});
    co_return std::unexpected(no_leg{"The FTP server cannot be reached; try again later."});
}

}  // namespace sallyport::gate
