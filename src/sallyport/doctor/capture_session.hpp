#pragma once
// One FTP session of a capture while its packets are read: its control connection as events, and its data connections.
//
// Owned by capture_reader. A value for one thread.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sallyport/diagnosis/facts.hpp>
#include <sallyport/doctor/capture_connection.hpp>
#include <sallyport/doctor/capture_stream.hpp>
#include <sallyport/doctor/packet.hpp>
#include <sallyport/doctor/transcript.hpp>

namespace sallyport::doctor {

class capture_session {
public:
    capture_session(const endpoint& client, const endpoint& server, std::int64_t us);

    [[nodiscard]] const endpoint& client() const noexcept { return client_; }
    [[nodiscard]] const endpoint& server() const noexcept { return server_; }
    /// A packet of the control connection, or an ICMP error about one. `keep_lines`: there is memory for what it says.
    void add_control(const packet& p, std::int64_t us, bool keep_lines = true);
    /// Whether a SYN from one to the other is the data connection that was negotiated last, or may be one under TLS.
    [[nodiscard]] bool expects(const endpoint& from, const endpoint& to) const;
    /// REQUIRES: expects(). The number of the new data connection; nothing if there are too many.
    [[nodiscard]] std::optional<std::size_t> add_data(const packet& syn, std::int64_t us);
    [[nodiscard]] capture_connection& data(std::size_t number) { return data_.at(number); }
    /// The first bytes of the client are those of another protocol with the same greeting (SMTP).
    [[nodiscard]] bool is_other_protocol() const noexcept { return other_protocol_; }
    [[nodiscard]] bool has_messages() const noexcept { return !other_protocol_ && (!lines_.empty() || tls_); }
    [[nodiscard]] bool has_data() const noexcept { return !data_.empty(); }
    /// Of the control connection: an end has closed, reset or refused it.
    [[nodiscard]] bool has_ended() const noexcept { return control_.has_ended() || control_.is_refused(); }
    /// The memory of its lines.
    [[nodiscard]] std::size_t line_bytes() const noexcept { return line_bytes_; }
    [[nodiscard]] std::uint64_t missing() const noexcept { return from_client_.missing() + from_server_.missing(); }
    /// Of the client's SYN: the same on both sides of a NAT router.
    [[nodiscard]] std::optional<std::uint32_t> client_sequence() const noexcept { return client_sequence_; }
    [[nodiscard]] std::int64_t started_us() const noexcept { return started_us_; }

    /// `end_us`: of the capture. Ends the session.
    [[nodiscard]] diagnosis::facts facts(std::int64_t end_us);

private:
    struct line {
        bool of_client = false;
        std::string text;
        std::int64_t us = 0;
        // Of a line that names an address for data: the connection that follows it.
        std::optional<std::size_t> data{};
        bool names_port = false;
    };

    void add_lines(std::vector<std::string> texts, bool of_client, std::int64_t us, bool keep);
    void note_port(line& l);
    void note_silence(const packet& p, std::int64_t us);
    [[nodiscard]] std::vector<session_event> events(std::int64_t end_us) const;
    void add_outcome(const line& l, std::size_t next, std::int64_t end_us, std::vector<session_event>& to) const;
    [[nodiscard]] int final_code_after(std::size_t from, std::size_t end) const;
    [[nodiscard]] bool has_begun(std::size_t from, std::size_t end) const;
    void add_hidden_methods(diagnosis::facts& to, std::int64_t end_us) const;

    endpoint client_;
    endpoint server_;
    std::int64_t started_us_ = 0;
    std::int64_t last_us_ = 0;
    std::optional<std::uint32_t> client_sequence_;
    capture_stream from_client_;
    capture_stream from_server_;
    capture_connection control_;
    std::vector<line> lines_;
    std::size_t line_bytes_ = 0;
    // The data connection that was negotiated last, and whether the server opens it.
    std::optional<endpoint> expected_;
    bool expects_server_ = false;
    std::vector<std::uint16_t> named_ports_;
    std::vector<capture_connection> data_;
    bool tls_ = false;
    bool other_protocol_ = false;
    bool too_long_ = false;
    // The silence before a packet of the control connection that was repeated without an answer.
    std::optional<std::int64_t> silent_ms_;
    endpoint silent_sender_;
    unsigned repeats_ = 0;
};

}  // namespace sallyport::doctor
