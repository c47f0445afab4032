#pragma once
// SITE DOCTOR: what a server or gateway knows of a session's last data connection, for its own client (docs/doctor.md), and
// of other sessions of the same user from the same address. No RFC defines it.
//
// 211-Doctor, in letters: a to p are the digits 0 to f of each byte.
//  peer dbdjdcco...                the client's end of the control connection, as the server sees it
//  negotiated FPECFDFG...          the last PORT, EPRT, 227 or 229, as the server has received or sent it
//  source dbdjdcco...              the client's end of the data connection; only if there was one
//  other dbdjdcco...               another address that connected to the passive port; up to four lines
//  session dbdjdcco...             the client's end of another session; the lines that follow are about that one
// 211 End.
//
// In letters, since helpers of firewalls rewrite addresses and ports in digits. Pure functions on values; any thread.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/proto/reply.hpp>

namespace sallyport::proto {

/// What the driver of a session knows.
struct data_sources {
    /// The client's end of the data connection that was negotiated last, or, before the next negotiation, of the last one.
    std::optional<endpoint> source;
    /// The last addresses that connected to the passive port in vain.
    std::vector<ip_address> others;

    friend bool operator==(const data_sources&, const data_sources&) = default;
};

struct site_doctor_session {
    endpoint peer;
    /// Empty: nothing was negotiated.
    std::string negotiated;
    data_sources data;

    friend bool operator==(const site_doctor_session&, const site_doctor_session&) = default;
};

inline constexpr std::size_t max_other_sessions = 8;

struct site_doctor_facts {
    site_doctor_session own;
    /// Others of the same user from the same address, as each was after its last command; at most `max_other_sessions`.
    std::vector<site_doctor_session> others;

    friend bool operator==(const site_doctor_facts&, const site_doctor_facts&) = default;
};

/// The reply. A long line is shortened to 256 bytes.
[[nodiscard]] reply site_doctor_reply(const site_doctor_facts& known);

/// Reads that reply. Unknown lines are skipped.
[[nodiscard]] result<site_doctor_facts> parse_site_doctor(const reply& from);

/// "SITE DOCTOR", by its argument.
[[nodiscard]] bool is_site_doctor(std::string_view argument) noexcept;

}  // namespace sallyport::proto
