#pragma once
// The FTP/FTPS client as a library: connect, log in, move a file or read a listing, close (C1, C3, C4, C5, C7, C8).
//
// A session is one control connection on one loop. Every call has deadlines and ends with a value or a failure; nothing is
// printed here. The command line and other programs use this same header. The loop must outlive the session; one call at a
// time. Reads and writes of the local file block the loop: give a session that serves others a loop of its own.

#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/client/cause.hpp>
#include <sallyport/client/connection.hpp>
#include <sallyport/client/refusal.hpp>
#include <sallyport/client/url.hpp>
#include <sallyport/net/loop.hpp>
#include <sallyport/proto/listing.hpp>

namespace sallyport::client {

using attempt = proto::data_attempt;
using step = proto::client_step;

/// Those of the URL, anonymous where it has none.
[[nodiscard]] credentials login_of(const url& location);

struct options : connection_options {
    std::optional<credentials> login;  // wins over what the URL says; without either it is anonymous
    bool can_resume = true;            // the caller keeps what arrived of a file: not so with a pipe
};

/// What went wrong, where, and why.
struct failure {
    step at = step::request;
    error cause;
    int reply_code = 0;               // where the server refused
    std::string action;               // "getting x from ftp.example.org:21"; empty where the cause says it
    std::vector<advice> causes;       // what it may be, in the order in which a person should think of them
    refusal reason = refusal::other;  // why the server refused, as far as its words tell
    bool can_resume = false;          // a part of the file was kept, and `resume` would complete it

    /// One line for a person, made safe to show: what was being done, and the error.
    [[nodiscard]] std::string text() const;
};

template <class T>
using outcome = std::expected<T, failure>;

struct transfer_report {
    std::uint64_t bytes = 0;  // moved now
    std::uint64_t resumed_from = 0;
    std::optional<std::uint64_t> size;  // what the server says of the whole file
    bool tls = false;                   // the data were protected
    bool tls_resumed = false;
    std::vector<attempt> attempts;
    std::string final_reply;
    std::vector<std::string> warnings;
};

struct listing_report {
    std::vector<proto::entry> entries;
    std::size_t skipped_names = 0;       // entries left out because their names are traps (CL-04)
    std::size_t unrecognized_lines = 0;  // lines in no known form: what they name is missing in `entries`
    std::string first_unrecognized;      // one of them, as it came
    std::vector<attempt> attempts;
};

/// What identifies one state of a server's file: with another size or time it is another file.
struct file_version {
    std::uint64_t size = 0;
    std::int64_t modified = 0;  // seconds since 1970, UTC
    friend bool operator==(const file_version&, const file_version&) = default;
};

/// How a download may continue what an earlier one left in the local file. It does so only if the server's file has still
/// the version that was recorded, and if the last bytes kept are the server's; else it starts again from the beginning.
struct download_resume {
    bool wanted = false;
    std::optional<file_version> recorded;  // of the server's file when the local bytes were received
    /// Called before the first byte of a download from the beginning, with what a later one must find; nothing if the server
    /// doesn't report it.
    std::function<void(const std::optional<file_version>&)> record;
};

/// Called as bytes move: so far in the whole file, and its size where known.
using progress = std::function<void(std::uint64_t done, std::optional<std::uint64_t> size)>;

class session {
public:
    session(net::loop& l, options o);
    ~session();
    session(session&&) noexcept;
    session& operator=(session&&) noexcept;

    /// Connects to the addresses of the host in turn, starts TLS as the URL says (and never goes on in clear where it said
    /// TLS, TLS-03), logs in.
    net::task<outcome<void>> open(url location);

    /// Into an open local file. Success is: 226, byte counts agree with what the server says, TLS ended in good order.
    net::task<outcome<transfer_report>> get(std::string path, int local_file, download_resume resume, progress on_progress);
    /// From an open local file. `resume` continues what the server has already if it is the beginning of the local file, as
    /// far as its last bytes and its time tell; else the upload starts again from the beginning. Success as for get().
    net::task<outcome<transfer_report>> put(int local_file, std::string path, bool resume, progress on_progress);
    /// The entries of a directory, by CWD and then MLSD, else LIST; of a file, its own entry. Paths of later calls are from
    /// the start directory all the same. A listing of which no line is understood is a failure. `now` (seconds since 1970)
    /// is for servers that leave out the year.
    net::task<outcome<listing_report>> list(std::string path, std::int64_t now);

    /// QUIT with a short wait; never fails (C3).
    net::task<> quit();

    /// The ways to a data connection that the last call tried.
    [[nodiscard]] const std::vector<attempt>& attempts() const;

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace sallyport::client
