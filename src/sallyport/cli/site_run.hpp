#pragma once
// Runs the work of a client command on the connections with one site: its event loop, one progress bar for all files, and
// Ctrl-C, which cancels what runs. A function for the main thread; the arguments outlive it.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include <sallyport/cli/client_options.hpp>
#include <sallyport/client/pool.hpp>
#include <sallyport/client/run_transfers.hpp>

namespace sallyport::cli {

/// How far all files are, of all sites. Any thread.
struct many_progress {
    const net::clock::time_point started = net::clock::now();
    client::transfer_counters counters;
    std::atomic<std::size_t> files = 0;
    /// Of all files whose size is known.
    std::atomic<std::uint64_t> bytes = 0;
    /// Files whose size is not known before their transfers.
    std::atomic<std::size_t> unknown_sizes = 0;
    /// A signal has cancelled the command; 0: none.
    std::atomic<int> signal = 0;
};

/// How many connections a command makes, by the settings of the site.
using connection_count = std::function<std::size_t(const transfer_settings& set)>;
using site_work = std::function<net::task<>(client::pool& connections)>;

/// Uses the connections of the shell, if it has some for this site. Returns the number of connections that the site allows,
/// as far as it is known.
[[nodiscard]] result<std::size_t> run_on_site(const client::url& site, const connection_count& count,
                                              const client_options& options, many_progress& shown, const site_work& work);

/// The URLs of each site, in the order of their first ones. A site is a server with a login.
[[nodiscard]] std::vector<std::vector<client::url>> by_site(const std::vector<client::url>& urls);

/// Ends the process as the signal would have ended it, or in a shell, lets that know. After the report of a command that it
/// cancelled.
void end_by_signal(int signal);

}  // namespace sallyport::cli
