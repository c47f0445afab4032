#pragma once
// The negotiation of data connections at a gateway: each leg by itself, on the client leg with the method that the client
// has sent, on the backend leg with the one that the settings have (relay_methods.hpp); and which way the data take
// (data_path_choice.hpp). An address in the protocol is compared and never followed: the peers' addresses are those of their
// control connections (GW-02, GW-03). Each step returns what happens to the stage of the session. A value of one machine;
// one thread.

#include <optional>
#include <string_view>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/proto/client_side/data_requests.hpp>
#include <sallyport/proto/client_side/site_doctor.hpp>
#include <sallyport/proto/data_path_choice.hpp>
#include <sallyport/proto/relay_actions.hpp>
#include <sallyport/proto/relay_backend_leg.hpp>
#include <sallyport/proto/relay_output.hpp>
#include <sallyport/proto/relay_settings.hpp>
#include <sallyport/proto/relay_transitions.hpp>

namespace sallyport::proto {

/// How the two data connections of the next transfer come about.
struct negotiated_data {
    data_path_choice path{};
    // The legs, if the data are relayed.
    leg_setup client;
    leg_setup backend;
    data_method client_method = data_method::pasv;
    data_method backend_method = data_method::pasv;
};

/// The rest of the session, as long as a step takes.
struct negotiation_context {
    const relay_settings& settings;
    // PROT P is in force on the client leg.
    bool client_data_tls = false;
    relay_backend_leg& backend;
    relay_output& out;
};

class relay_negotiation {
public:
    /// `failed`: see relay_backend.
    explicit relay_negotiation(const ip_address& client, std::optional<data_method> failed = std::nullopt)
        : requests_(client, true, true), failed_(failed) {}

    /// The last PORT or EPRT that was refused because it named another host or a port below 1024.
    [[nodiscard]] const std::optional<data_request>& refused_target() const noexcept { return requests_.refused_target(); }

    /// `arrived`: that of the driver, for the passive port or the last data connection.
    [[nodiscard]] site_doctor_session doctor_session(const endpoint& peer, data_sources arrived) const;

    /// EPSV, PASV, EPRT or PORT. Nothing: the client has its reply.
    [[nodiscard]] std::optional<relay_event> start(const command& cmd, const negotiation_context& c);
    /// The driver's port for the backend.
    [[nodiscard]] relay_event backend_port_reserved(const result<endpoint>& port, const negotiation_context& c);
    /// What the kernel has made of it, after the backend has accepted it.
    [[nodiscard]] relay_event backend_port_opened(opening_result opening, const negotiation_context& c);
    /// The driver's port for the client. `forwarded`: the kernel forwards what arrives there.
    [[nodiscard]] relay_event client_port_reserved(const result<endpoint>& port, bool forwarded,
                                                   const negotiation_context& c);
    /// The backend's final reply to the method that it was sent.
    [[nodiscard]] relay_event on_reply(const reply& r, const negotiation_context& c);

    /// What was agreed on, until a transfer uses it.
    [[nodiscard]] const std::optional<negotiated_data>& agreed() const noexcept { return agreed_; }
    /// The plan of a transfer that uses it, but for the paths. REQUIRES: agreed().
    [[nodiscard]] relay_plan take_plan(const command& cmd, const negotiation_context& c);
    /// What was agreed on is void.
    void cancel(relay_output& out);
    /// The session ends.
    void clear() noexcept {
        agreed_.reset();
        backend_port_.reset();
    }
    /// The driver holds a port of it, or data connections.
    [[nodiscard]] bool holds_port() const noexcept { return backend_port_ || agreed_; }
    /// Only `failed` is known yet of this backend; see relay_backend.
    void backend_found(std::optional<data_method> failed) noexcept {
        client_address_refused_ = false;
        failed_ = failed;
    }
    /// The method with which no data connection was established with this backend.
    [[nodiscard]] const std::optional<data_method>& failed() const noexcept { return failed_; }
    /// The transfer that used what was agreed on last. `no_backend_data`: no data connection with the backend was
    /// established. Then the next negotiation uses the other mode there (G8), unless it was the client that had to connect
    /// to the backend.
    void transfer_ended(bool no_backend_data) noexcept {
        const bool by_client = now_.path.path == data_path::kernel && now_.sent && !is_active(*now_.sent);
        if (no_backend_data && !by_client) failed_ = now_.sent;
    }

private:
    [[nodiscard]] relay_event send_method(const negotiation_context& c);
    [[nodiscard]] relay_event send_next_method(const reply& refusal, const negotiation_context& c);
    [[nodiscard]] bool read_backend_leg(const reply& r, const relay_backend_leg& backend);
    [[nodiscard]] relay_event backend_leg_agreed(const negotiation_context& c);
    [[nodiscard]] relay_event active_agreed(relay_output& out);
    [[nodiscard]] relay_event direct_agreed(const negotiation_context& c);
    void agree(const endpoint& client, relay_output& out);
    [[nodiscard]] relay_event fail_with(const local_reply& no, relay_output& out);
    void release_backend_port(relay_output& out);
    void choose_path(const negotiation_context& c);
    void note_forwarding(bool forwarded, const negotiation_context& c);

    /// One negotiation.
    struct request {
        data_method client_method = data_method::pasv;
        // The target of the client's PORT or EPRT.
        endpoint target{};
        // The methods that are left; the first one is tried now.
        std::vector<data_method> backend_methods{};
        // The method that the backend was sent last.
        std::optional<data_method> sent{};
        // The endpoint in the backend's 227.
        endpoint backend_advertised{};
        leg_setup backend{};
        data_path_choice path{};
        // The backend has refused the client's method or address.
        bool direct_refused = false;
        bool kernel_refused = false;
    };

    data_requests requests_;
    request now_;
    // The port that is reserved for the backend.
    std::optional<endpoint> backend_port_;
    std::optional<negotiated_data> agreed_;
    // The backend refuses the client's address in PORT and EPRT.
    bool client_address_refused_ = false;
    // The method with which no data connection was established with this backend.
    std::optional<data_method> failed_;
};

}  // namespace sallyport::proto
