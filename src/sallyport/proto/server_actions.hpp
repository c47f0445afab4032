#pragma once
// What the server's machine asks of its driver, and what the driver reports back (proto/server_machine). Values; any thread.

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
/// How the next data connection is made: not negotiated, passive on the port the driver reserved, active, or not at all
/// since the one before stands (MODE B).
using data_setup = std::variant<std::monostate, passive_port, data_target, persistent_data>;

/// One thing that a listing's argument may name.
struct list_name {
    virtual_path path;
    // As the client wrote it.
    std::string text;
};

struct transfer_request {
    // RETR STOR APPE STOU LIST NLST MLSD
    verb command = verb::retr;
    // STOU: the directory, or the suggested name.
    virtual_path path{};
    // Listings: the first of these that exists is meant, before path and pattern.
    std::vector<list_name> names{};
    // Listings: the wildcard of the last component, empty where there is none.
    std::string pattern{};
    // NLST: what precedes each name, so that RETR takes it (RFC 959).
    std::string prefix{};
    // LIST -a
    bool show_hidden = false;
    // REST
    std::uint64_t offset = 0;
    // ALLO
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

/// CWD, CDUP, DELE, RMD, MKD, SIZE, MDTM, MLST, MFMT, STAT with a path, RNFR (does it exist?) and RNTO.
struct file_request {
    verb command = verb::cwd;
    virtual_path path{};
    // RNTO
    virtual_path from{};
    // MFMT
    std::int64_t modified = 0;
    // MLST
    fact_set facts{};
    // STAT: the request that LIST would be.
    std::optional<transfer_request> listing{};
};

/// What a file_request found; only the fields that its verb needs.
struct file_result {
    // SIZE
    std::uint64_t size = 0;
    // MDTM
    std::int64_t modified = 0;
    // MLST: as mlst_line() made it.
    std::string line;
    // STAT with a path: the listing.
    std::vector<std::string> lines;
};

struct transfer_outcome {
    std::uint64_t bytes = 0;
    // STOU: the name that was chosen; else an addition to the 226.
    std::string note;
};

namespace act {
/// Send output(), then read; time_passed() at `until` at the latest.
struct need_input {
    session_time until = session_time::max();
};
/// Send output(), then ask again: many replies have gathered.
struct send {};
/// Send output(), and do not read before the transfer has ended: no more commands can wait.
struct paused {};
/// Send output(), then do the handshake: tls_started(), tls_failed(), or time_passed() at `until`.
struct start_tls {
    session_time until = session_time::max();
};
/// Send output(), then end TLS on the control connection: tls_cleared().
struct clear_tls {};
/// -> login_done()
struct check_login {
    login_request request;
};
/// Reserve a port in place of the port or connection that was held before: passive_done().
struct open_passive {
    // EPSV: only the port is advertised, so no external address is needed.
    bool extended = false;
    // PROT P is in force.
    bool protect = false;
};
/// Release a reserved port, close an open data connection: it was replaced or is over. No outcome.
struct release_data {};
/// -> file_done()
struct run_file {
    file_request request;
};
/// -> data_connection_deadline() unless the data connection is open already, transfer_opened() once there is one,
/// transfer_done().
struct start_transfer {
    transfer_request request;
};
/// The client did not log in within the time for it: to be counted.
struct login_timed_out {};
/// Give the running transfer up; it still ends with transfer_done().
struct abort_transfer {};
/// Send output(), then close: in good order, or at once where TLS has failed and nothing can be sent.
struct close {
    bool graceful = true;
};
}  // namespace act

using server_action = std::variant<act::need_input, act::send, act::paused, act::start_tls, act::clear_tls, act::check_login,
                                   act::open_passive, act::release_data, act::run_file, act::start_transfer,
                                   act::login_timed_out, act::abort_transfer, act::close>;

}  // namespace sallyport::proto
