#pragma once
// Facts from the packets of a capture (packet.hpp), one value for each FTP session.
//
// A session is found by its greeting, or by port 21 or 990. Its control connection is read as a transcript is
// (session_reader.hpp), and each 227, 229, PORT or EPRT is compared with the SYN that follows: how often it was sent, what
// answered it with which TTL, and how the connection ended. After AUTH TLS the control connection cannot be read, so data
// connections are judged by their ports. A session on both sides of a NAT router is two values, of which the second says so.
//
// A value for one thread. Memory is bounded, whatever the size of the capture: beyond the limits, sessions, connections and
// lines are left out, and the last value says so. Scans and mail use up no places of sessions: the oldest control connection
// without FTP makes room for the next one.

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <sallyport/diagnosis/facts.hpp>
#include <sallyport/doctor/capture_session.hpp>
#include <sallyport/doctor/packet.hpp>

namespace sallyport::doctor {

struct capture_limits {
    // Sessions of a busy server for some hours.
    std::size_t sessions = 2'000;
    std::size_t connections = 50'000;
    // Of the lines of all sessions.
    std::size_t line_bytes = std::size_t{256} << 20U;
};

class capture_reader {
public:
    explicit capture_reader(const capture_limits& limits = {}) : limits_(limits) {}

    /// Packets in the order of the file; `us`: microseconds since 1970.
    void add(const packet& p, std::int64_t us);
    /// In the order in which the sessions began. REQUIRES: called once, after all packets.
    [[nodiscard]] std::vector<diagnosis::facts> sessions();
    /// The capture has more than was read.
    [[nodiscard]] bool has_left_out() const noexcept { return left_out_; }

private:
    /// The two ends of a connection, the smaller one first.
    using ends = std::pair<endpoint, endpoint>;
    /// Which session a connection belongs to, and which of its data connections it is; nothing: the control connection.
    struct role {
        std::size_t session = 0;
        std::optional<std::size_t> data{};
    };
    /// A connection that may turn out to be a control connection: what it has before its first bytes.
    struct young {
        endpoint client;
        endpoint server;
        std::vector<std::pair<packet, std::int64_t>> opening{};
    };

    [[nodiscard]] static ends key_of(const packet& p);
    [[nodiscard]] bool is_duplicate(const packet& p, std::int64_t us);
    void add_to(const role& known, const packet& p, std::int64_t us);
    void add_control(std::size_t number, const packet& p, std::int64_t us);
    [[nodiscard]] bool add_data_connection(const packet& p, std::int64_t us);
    void add_unknown(const packet& p, std::int64_t us);
    void add_young(const packet& p, std::int64_t us);
    void begin(const young& connection, const packet& p, std::int64_t us);
    [[nodiscard]] bool make_room();
    void forget(std::size_t number);

    capture_limits limits_;
    // By their numbers, in the order in which they began.
    std::map<std::size_t, std::unique_ptr<capture_session>> sessions_;
    std::size_t next_number_ = 0;
    // Sessions that had no FTP when they were noted here, the oldest first.
    std::deque<std::size_t> silent_;
    std::size_t line_bytes_ = 0;
    std::map<ends, role> known_;
    std::map<ends, young> young_;
    // The oldest first.
    std::deque<ends> young_order_;
    // The last packets. A capture of all interfaces of a router or a bridge has each one twice.
    struct recent_packet {
        packet content;
        std::int64_t us = 0;
    };
    std::deque<recent_packet> recent_;
    std::int64_t last_us_ = 0;
    bool left_out_ = false;
};

}  // namespace sallyport::doctor
