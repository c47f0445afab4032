#pragma once
// The actions that the server machine requests from its driver, and the outcomes that the driver reports. Values; any
// thread.

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/virtual_path.hpp>
#include <sallyport/proto/block_mode.hpp>
#include <sallyport/proto/command.hpp>
#include <sallyport/proto/data_method.hpp>
#include <sallyport/proto/hash_commands.hpp>
#include <sallyport/proto/listing.hpp>
#include <sallyport/proto/session_time.hpp>

namespace sallyport::proto {

enum class data_type : std::uint8_t { ascii, image };
enum class protection : std::uint8_t { clear, private_ };

struct data_target {
    endpoint address;
    data_method method = data_method::port;
};
struct passive_port {
    data_method method = data_method::pasv;
};
struct persistent_data {};
/// The next data connection: not negotiated, passive on the port that the driver has reserved, active, or the connection of
/// the previous transfer, which is still open (MODE B).
using data_setup = std::variant<std::monostate, passive_port, data_target, persistent_data>;

/// One path that the argument of a listing may mean.
struct list_name {
    virtual_path path;
    // The text that the client sent.
    std::string text;
};

struct transfer_request {
    // RETR, STOR, APPE, STOU, LIST, NLST or MLSD.
    verb command = verb::retr;
    // STOU: the directory, or the suggested name.
    virtual_path path{};
    // Listings: the first of these that exists is listed, otherwise path and pattern.
    std::vector<list_name> names{};
    // Listings: the wildcard pattern of the last component; empty if there is none.
    std::string pattern{};
    // NLST: the prefix of each name, so that RETR accepts it (RFC 959).
    std::string prefix{};
    // The option of LIST -a.
    bool show_hidden = false;
    // The offset of REST, and the end of RANG.
    std::uint64_t offset = 0;
    std::uint64_t end = UINT64_MAX;
    // The size in ALLO.
    std::optional<std::uint64_t> announced{};
    data_type type = data_type::ascii;
    transfer_mode mode = transfer_mode::stream;
    protection protect = protection::clear;
    data_setup data{};
    // MLSD
    fact_set facts{};
};

struct login_request {
    std::string user;
    std::string password;
    bool anonymous = false;
    bool protected_by_tls = false;
};

/// CWD, CDUP, DELE, RMD, MKD, SIZE, MDTM, MLST, MFMT, MFF, SITE CHMOD and UTIME, HASH and its like, AVBL, STAT with a path,
/// RNFR (does it exist?) and RNTO.
struct file_request {
    verb command = verb::cwd;
    virtual_path path{};
    // RNTO
    virtual_path from{};
    // MFMT, MFF, SITE: what is changed.
    std::optional<std::int64_t> modified{};
    std::optional<std::uint32_t> mode{};
    // MLST
    fact_set facts{};
    // HASH, XCRC and their like
    hash_algorithm algorithm = hash_algorithm::sha256;
    byte_range range{};
    // STAT: the same request as for LIST.
    std::optional<transfer_request> listing{};
};

/// The result of a file_request; only the members that its verb needs are set.
struct file_result {
    // SIZE; HASH: the bytes that were hashed; AVBL: the bytes that are free.
    std::uint64_t size = 0;
    // MDTM
    std::int64_t modified = 0;
    // MLST: as mlst_line() made it. HASH: in hexadecimal form.
    std::string line;
    // CWD and CDUP: the text of the directory, line by line, as text_lines() made them.
    std::vector<std::string> message;
    // STAT with a path: lines of the listing, with CR LF each.
    std::string lines;
    // STAT with a path: file_done() will be called again.
    bool more = false;
};

struct transfer_outcome {
    std::uint64_t bytes = 0;
    // STOU: the chosen name; otherwise an addition to the text of the 226.
    std::string note;
};

namespace act {
/// Send output(), then read; call time_passed() at `until` at the latest.
struct need_input {
    session_time until = session_time::max();
};
/// Send output(), which has many replies, then call next() again.
struct send {};
/// Send output(), and do not read before the transfer has finished: no more commands can be deferred.
struct paused {};
/// Send output(), then do the TLS handshake and call tls_started(), tls_failed(), or time_passed() at `until`.
struct start_tls {
    session_time until = session_time::max();
};
/// Send output(), then end TLS on the control connection and call tls_cleared().
struct clear_tls {};
/// Check the login and call login_done().
struct check_login {
    login_request request;
};
/// Reserve a port, release the earlier port or connection, and call passive_done().
struct open_passive {
    // EPSV: only the port is advertised, so no external address is needed.
    bool extended = false;
    // PROT P is in force.
    bool protect = false;
};
/// Release the reserved port or close the open data connection, which is not needed any more. There is no outcome.
struct release_data {};
/// Execute the request and call file_done(). STAT with a path: call it for each piece of the listing, and send output()
/// after each, so that the listing needs no more memory if the client is slow (RX-03).
struct run_file {
    file_request request;
};
/// Run the transfer: call data_connection_deadline() unless the data connection is open already, transfer_opened() when it
/// is established, and transfer_done() at the end.
struct start_transfer {
    transfer_request request;
};
/// The login has timed out; count it.
struct login_timed_out {};
/// Abort the running transfer; it still ends with transfer_done().
struct abort_transfer {};
/// Send output(), then close the connection cleanly; if TLS has failed, close it immediately, since nothing can be sent.
struct close {
    bool graceful = true;
};
}  // namespace act

using server_action = std::variant<act::need_input, act::send, act::paused, act::start_tls, act::clear_tls, act::check_login,
                                   act::open_passive, act::release_data, act::run_file, act::start_transfer,
                                   act::login_timed_out, act::abort_transfer, act::close>;

}  // namespace sallyport::proto
