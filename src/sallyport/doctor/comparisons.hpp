#pragma once
// Further sessions of a live run, each with one difference: smaller TCP segments, another data method before, another TLS
// version, an upload. What differs in the results names the cause.
//
// It adds to the facts and never fails: a session that the server does not admit is named in `not_measured`. One
// session at a time, which ends before the next begins. On the loop's thread; the arguments must outlive the calls.

#include <functional>
#include <optional>
#include <string>

#include <sallyport/client/connection.hpp>
#include <sallyport/diagnosis/facts.hpp>

namespace sallyport::doctor {

struct comparison_settings {
    /// The options of a session with this data method.
    std::function<client::connection_options(proto::data_method)> options_for;
    /// Called after each change of the facts, which an interrupted run prints: it takes passwords out of them.
    std::function<void()> after_change;
    client::server_address server;
    client::credentials login;
    /// Of the directory that is listed, and that takes the upload; empty: the first one of the session.
    std::string path;
    /// The TLS context of the sessions, without TLS 1.3.
    std::optional<net::tls_client_context> tls12;
    /// Compare even if nothing failed.
    bool all = false;
    bool upload = false;
};

/// What the results of the data methods call for, or all with `all`:
/// - After a listing that stopped: once more, with TCP segments of at most 536 bytes.
/// - A passive negotiation without a connection, as after an attempt that failed, and a transfer with another method.
/// - After a port that was refused: a connection after a pause, and after the transfer command, to a port that is refused
///   at once.
/// - After a failure of an established data connection: TLS 1.2 and 1.3, with and without session reuse.
/// - With `upload`: a small file with a random name is sent, received again, and deleted.
net::task<> compare_sessions(net::loop& loop, const comparison_settings& settings, diagnosis::facts& into);

}  // namespace sallyport::doctor
