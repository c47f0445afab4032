#pragma once
// The connections with a site that stay open from one command to the next, for the shell.
//
// While a kept_site exists, the commands of the client use its connections for its site in the place of their own, and
// Ctrl-C ends what runs, but not the process. There is one at a time, owned by the shell; all calls are made on the main
// thread. Its event loop has a thread of its own, so that listings for completions can arrive while a line is typed.

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <thread>

#include <sallyport/cli/site_connections.hpp>
#include <sallyport/cli/site_run.hpp>

namespace sallyport::cli {

class kept_site {
public:
    /// `login`: that of an earlier one for the same site, so that no password is asked for again. No connection is opened
    /// yet. Errors name the option.
    [[nodiscard]] static result<std::unique_ptr<kept_site>> make(const client::url& site, const client_options& options,
                                                                 const std::optional<client::credentials>& login);
    /// Ends what still runs, and closes the connections.
    ~kept_site();
    kept_site(const kept_site&) = delete;
    kept_site& operator=(const kept_site&) = delete;

    /// The one that there is, if it is for this server and login; otherwise null.
    [[nodiscard]] static kept_site* of(const client::url& site);
    /// The one that there is, for whatever site, or null.
    [[nodiscard]] static kept_site* any();

    /// Runs work on its event loop, and waits until that has ended.
    void run(const site_work& work);
    /// Starts work that goes on after the call; it ends before this object does.
    void start(site_work work);

    [[nodiscard]] client::pool& connections() noexcept { return connections_.pool; }
    [[nodiscard]] const client::credentials& login() const noexcept { return login_; }
    /// Whether commands and replies are printed to standard error.
    void set_transcript(bool is_printed) noexcept { *prints_transcript_ = is_printed; }
    /// The signal that has ended the last command; 0: none.
    int signal = 0;

private:
    using transcript_switch = std::shared_ptr<std::atomic<bool>>;

    kept_site(const client::url& site, const client_options& options, client::options how, reach::mapping_settings mapping,
              transcript_switch prints_transcript);
    net::task<> run_started(site_work work);
    net::task<> close();

    client::credentials login_;
    transcript_switch prints_transcript_;
    site_connections connections_;
    /// Work of start() that runs. On the thread of the loop only.
    std::size_t started_ = 0;
    std::jthread thread_;
};

}  // namespace sallyport::cli
