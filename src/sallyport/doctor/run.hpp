#pragma once
// A live diagnosis from the client's side: opens the control connection, logs in, tries each data method in a session of its
// own, and measures the path if a data connection fails. It yields facts; the rules of `diagnosis` find the causes.
//
// The server's guest: at most two sessions at a time, one if the server does not admit two, and up to six with `idle`; it
// sends no packet to other hosts than the server, except one connection attempt to an address that the server's 227 names.
// The settings and the facts belong to the caller and must outlive the run; on the thread of the loop.

#include <functional>
#include <optional>
#include <string_view>

#include <sallyport/client/client.hpp>
#include <sallyport/diagnosis/facts.hpp>

namespace sallyport::doctor {

struct run_settings {
    client::url location;
    /// Login, TLS, data methods and time limits.
    client::options how;
    /// Measure the path and compare sessions even if all data methods work.
    bool trace = false;
    /// Try the passive methods in unencrypted sessions as well, with the same login.
    bool also_plain = false;
    /// Send a small file, receive it again and delete it.
    bool upload = false;
    /// The TLS context of `how` without TLS 1.3, to compare the versions.
    std::optional<net::tls_client_context> tls12;
    /// Further passive negotiations, to compare ports.
    unsigned rounds = 0;
    /// Hold sessions open in silence for up to this time; 0: do not.
    std::chrono::seconds idle{0};
    /// Called with what is done next, for a person who waits; may be empty.
    std::function<void(std::string_view)> on_step;
};

/// Fills `into` as it goes, so that an interrupted run has what is known. Never fails: a failure is a fact.
net::task<> run(net::loop& loop, const run_settings& settings, diagnosis::facts& into);

}  // namespace sallyport::doctor
