#pragma once
// The kernel's connection tracking over netlink (ctnetlink): conntrack expectations, and connections that the kernel tracks.
//
// A connection for which an expectation exists is RELATED to the expectation's control connection (the master), and the
// rules of nearly every firewall accept related connections. The kernel creates expectations only for a master with a
// helper. Ours is "sane", set by our rules: it acts on a protocol of scanners and never on FTP, allows one expectation per
// master at a time (a newer one replaces the older), and keeps the kernel's FTP helper away, since a connection has one
// helper.
//
// It is written with libmnl: libnetfilter_conntrack has no message that changes the lifetime of an expectation, and the
// kernel uses that of the helper (300 s) for a new one.
//
// Owned by its user; one thread at a time. The calls return when the kernel has made or refused the changes, after
// microseconds.

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/firewall/nft_transaction.hpp>

namespace sallyport::firewall {

/// The helper of our control connections.
inline constexpr auto control_helper = "sane";

/// One direction of a TCP connection. Either one names the connection.
struct flow {
    endpoint source;
    endpoint destination;

    /// The flow from this socket to its peer.
    [[nodiscard]] static flow of_socket(int socket);

    friend bool operator==(const flow&, const flow&) = default;
};

/// Connections that are regarded as related to the master: from this address and any port to this endpoint. It exists until
/// it expires or is removed, so that a forged connection request does not use it up.
struct expectation {
    ip_address source;
    endpoint destination;
    // Only to create it.
    flow master{};
    // Rounded up to seconds.
    std::chrono::milliseconds lifetime{};

    /// Whether both are for the same connections.
    [[nodiscard]] bool matches(const expectation& other) const noexcept {
        return source == other.source && destination == other.destination;
    }
};

struct expectation_change {
    // Otherwise it is removed; it is not an error if it does not exist.
    bool create = true;
    expectation subject;
};

/// A connection as the kernel tracks it.
struct tracked_connection {
    // The first packet's direction, and that of replies, which is another one if NAT changes addresses.
    flow original;
    flow reply;
    // Empty: none.
    std::string helper{};
    std::uint32_t mark = 0;
    // Of this entry of the kernel. A connection that was forgotten gets another one with its next packet.
    std::uint32_t id = 0;
    // Packets have passed in both directions.
    bool assured = false;
    // Until the kernel forgets it, unless a packet passes. Rounded down to seconds.
    std::chrono::seconds expires_in{};
    // A flow table forwards its packets, which do not change that time. Without packets for 30 s, this ends.
    bool offloaded = false;
};

/// What the kernel replies to questions and changes that it was sent together.
struct tracking_answers {
    // For each question; nothing if the kernel does not track the connection.
    std::vector<std::optional<tracked_connection>> found;
    // The errno with which the kernel has refused a question; 0: it has answered all.
    int refused_question = 0;
    // 0 or the errno of each change.
    std::vector<int> refused;
};

class conntrack {
public:
    [[nodiscard]] static result<conntrack> open();

    /// Looks up connections, then makes the changes in this order, all with one message to the kernel. A refused change does
    /// not prevent the others. EOPNOTSUPP: the master has no helper; ENOENT: it is not tracked; EMFILE: the kernel's table
    /// of expectations is full. If the call fails, any of the changes may have been made.
    [[nodiscard]] result<tracking_answers> ask(std::span<const flow> questions, std::span<const expectation_change> changes);
    /// Only changes. The result has 0 or the errno of each.
    [[nodiscard]] result<std::vector<int>> commit(std::span<const expectation_change> changes);
    /// Removes all expectations whose master has this helper, whatever program has created them.
    [[nodiscard]] result<void> remove_all(const char* helper);
    /// All expectations, without their masters' other direction.
    [[nodiscard]] result<std::vector<expectation>> list();
    /// Nothing if the kernel does not track it.
    [[nodiscard]] result<std::optional<tracked_connection>> find(const flow& connection);
    /// The TCP connections between these addresses, as their first packets had them. The kernel reads its whole table.
    [[nodiscard]] result<std::vector<tracked_connection>> between(const ip_address& source, const ip_address& destination);

private:
    explicit conntrack(netlink_socket s) : socket_(std::move(s)) {}

    netlink_socket socket_;
    std::uint32_t sequence_ = 0;
};

/// The errno of an opening that needs an expectation when the kernel's table of them is full. The kernel's own, EMFILE,
/// would be taken for a process that has too many descriptors.
inline constexpr int no_expectation_left = EXFULL;

/// An errno of conntrack::commit() with its cause and the next step.
[[nodiscard]] error refused_expectation(int os, const expectation& wanted);

}  // namespace sallyport::firewall
