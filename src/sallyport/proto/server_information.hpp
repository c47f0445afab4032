#pragma once
// The replies to FEAT, HELP, STAT, SYST, OPTS, LANG and SITE (RFC 959, RFC 2389, RFC 2640, RFC 3659).
//
// FEAT and HELP come from the command table, without commands that are not offered. Pure functions; any thread.

#include <string_view>

#include <sallyport/base/address.hpp>
#include <sallyport/base/hash_algorithm.hpp>
#include <sallyport/proto/command.hpp>
#include <sallyport/proto/command_policy.hpp>
#include <sallyport/proto/listing.hpp>
#include <sallyport/proto/reply.hpp>
#include <sallyport/proto/server_actions.hpp>

namespace sallyport::proto {

/// The commands that depend on the settings.
struct server_offer {
    bool tls = false;
    bool ccc = false;
    bool passive = true;
    bool active = true;
    // SITE DOCTOR
    bool doctor = false;
    // What it refuses by name is not offered.
    command_policy policy{};
};

/// True if the command is supported, so that FEAT and HELP name it.
[[nodiscard]] bool is_offered(verb id, const server_offer& offer) noexcept;

/// What a session has selected with OPTS.
struct session_options {
    // OPTS MLST
    fact_set facts{};
    // OPTS HASH
    hash_algorithm algorithm = hash_algorithms.front().id;
};

[[nodiscard]] reply feat_reply(const server_offer& offer, const session_options& selected);
[[nodiscard]] reply help_reply(std::string_view argument, const server_offer& offer);
/// OPTS MLST and OPTS HASH change `selected`.
[[nodiscard]] reply opts_reply(std::string_view argument, session_options& selected);
[[nodiscard]] reply lang_reply(std::string_view argument);
/// For others than SITE DOCTOR, CHMOD and UTIME.
[[nodiscard]] reply site_reply(std::string_view argument, const server_offer& offer);

/// The session state for STAT without a path.
struct session_status {
    ip_address client;
    std::string_view user;
    data_type type = data_type::ascii;
    transfer_mode mode = transfer_mode::stream;
    bool tls = false;
    bool data_protected = false;
    // The running transfer; verb::unknown if there is none.
    verb transfer = verb::unknown;
    // The negotiated data connection.
    std::string_view data;
};
[[nodiscard]] reply stat_reply(const session_status& session);

}  // namespace sallyport::proto
