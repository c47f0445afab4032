#pragma once
// The requests that a daemon sends to its helper, a closed list of messages of one fixed size, and the replies.
//
// Values; any thread.

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include <sallyport/base/address.hpp>
#include <sallyport/firewall/opening.hpp>

namespace sallyport::helper {

enum class request_kind : std::uint32_t {
    // Forgets the sockets and the names that the next two kinds have added.
    clear_successor = 1,
    // Adds the listening socket that is sent with it.
    add_socket,
    // Adds `text`, the name of a backend that is down.
    add_down_backend,
    // Starts the program. The descriptor is the new process's connection with this daemon. Reply: the process ID in
    // `number`.
    start_successor,
    // Kills the process that was started last.
    end_successor,
    // Reply: the wait status of that process in `number`; EAGAIN while it runs.
    successor_status,
    // Connects the second descriptor, a new socket, to `target`, from the port below the local port of the first one, a
    // control connection with the same peer address. EACCES: without the right to that port.
    connect_from_low_port,
    // Opens the file with this number again, in the way that the permissions have for it. Reply: with its descriptor.
    open_file,
    // Binds the descriptor, a new socket, to `target`.
    bind_port,
    // Whether the kernel has the table of openings; the reply has the reason, or what the kernel lacks although it has one.
    find_table,
    // Adds the change that opens `subject` for the session with these two control connections, the client's and the
    // backend's; or the change that closes it. If `number` is not 0, commits all added changes, or none of them, and only
    // then there is a reply, which says whether a change was refused.
    add_opening,
    add_closing,
    // Reply: in `number` the remaining milliseconds of `subject`, or -1 if it was used or has expired.
    remaining_time,
    // Reply: the firewall::opening_use of `subject` in `number`.
    use_of_opening,
    // Reply: with a listening socket with IP_TRANSPARENT for the interception `number`; `target` has the family.
    listen_transparent,
    // The kernel delivers intercepted connections to these sockets from now on.
    start_interception,
    // The descriptor is the intercepted connection of a client. Reply: with a socket for the backend leg, bound to the
    // client's address and another port.
    client_socket,
    // The descriptor is the control connection of a backend leg. Reply: in `address` its source address as its peer sees it.
    translation_of,
    // The client of the session with these two control connections may connect to the passed ports of its server, by the
    // interception `number`. Reply: in `number` what ends that.
    pass_ports,
    // Ends that; `number` is that of the reply.
    end_passing,
    // Reply: in `number` 1 if packets have passed on a data connection of that session since the last such request, else 0.
    passed_data_moved,
    // Reply: in `number` how many connection requests were intercepted and have not passed the input chains of this machine,
    // modulo 2^32.
    dropped_requests,
    // The daemon ends in good order. Without this request, what blocks connections while no gateway runs stays.
    end_interception,
};

/// An address and port without padding: `family` 4 or 6.
struct wire_endpoint {
    std::array<std::uint8_t, 16> bytes{};
    std::uint32_t scope = 0;
    std::uint16_t port = 0;
    std::uint16_t family = 0;

    [[nodiscard]] static wire_endpoint of(const endpoint& e) noexcept {
        return {e.address.bytes(), e.address.scope(), e.port, static_cast<std::uint16_t>(e.address.is_v4() ? 4 : 6)};
    }
    /// Empty if it is not an endpoint.
    [[nodiscard]] std::optional<endpoint> value() const noexcept {
        if (family == 4) return endpoint{ip_address::v4({bytes[0], bytes[1], bytes[2], bytes[3]}), port};
        if (family == 6) return endpoint{ip_address::v6(bytes, scope), port};
        return std::nullopt;
    }
};

/// A firewall::opening.
struct wire_opening {
    wire_endpoint client{};
    wire_endpoint listen{};
    wire_endpoint forward_to{};
    wire_endpoint source{};
    std::int64_t milliseconds = 0;
    // Not 0: firewall::opening::needs_expectation.
    std::uint64_t needs_expectation = 0;

    [[nodiscard]] static wire_opening of(const firewall::opening& o) noexcept {
        return {wire_endpoint::of({o.client, 0}), wire_endpoint::of(o.listen), wire_endpoint::of(o.forward_to),
                wire_endpoint::of({o.source, 0}), o.lifetime.count(),          o.needs_expectation ? 1U : 0U};
    }
    /// Empty if it is not an opening of one address family.
    [[nodiscard]] std::optional<firewall::opening> value() const noexcept {
        const auto c = client.value();
        const auto l = listen.value();
        const auto f = forward_to.value();
        const auto s = source.value();
        if (!c || !l || !f || !s || milliseconds < 0) return std::nullopt;
        const bool v4 = c->address.is_v4();
        if (l->address.is_v4() != v4 || f->address.is_v4() != v4 || s->address.is_v4() != v4) return std::nullopt;
        return firewall::opening{
            c->address, *l, *f, s->address, std::chrono::milliseconds(milliseconds), needs_expectation != 0};
    }
};

struct request {
    request_kind kind{};
    // Of a file; of a change: not 0 if it is the last one.
    std::uint32_t number = 0;
    wire_endpoint target{};
    wire_opening subject{};
    // Ends with NUL.
    std::array<char, 448> text{};
};
static_assert(std::is_trivially_copyable_v<request> && sizeof(request) == 592);

struct reply {
    // 0: done.
    std::int32_t os = 0;
    std::int32_t number = 0;
    wire_endpoint address{};
    // For the user; may be empty. Of a refusal: the reason and the next step. Ends with NUL.
    std::array<char, 216> text{};
};

}  // namespace sallyport::helper
