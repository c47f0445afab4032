#pragma once
// An FTP and FTPS client as a library: connect, log in, transfer a file or read a listing, close (C1, C3, C4, C5, C7,
// C8).
//
// A session is one control connection on one event loop. Its owner is the caller; the loop must outlive it, and all calls
// run on the loop's thread, one at a time. Every call has deadlines and ends with a value or a failure. The library
// prints nothing. Reads and writes of the local file block the loop, so a session in a program with other sessions needs
// a loop of its own, which client/pool gives it.

#include <atomic>
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
#include <sallyport/proto/command.hpp>
#include <sallyport/proto/listing.hpp>
#include <sallyport/proto/reply.hpp>

namespace sallyport::client {

using attempt = proto::data_attempt;
using step = proto::client_step;

/// User and password of the URL; anonymous if it has none.
[[nodiscard]] credentials login_of(const url& location);

/// How a transferred file is compared with the one on the server.
enum class verify_by : std::uint8_t {
    /// By size; a file that consists of parts, because it was resumed or received in segments, also by hash if the server
    /// offers one.
    automatic,
    size,
    hash,
    /// Only the server's 226 counts.
    none
};

struct options : connection_options {
    /// Takes precedence over the URL. Without either, the login is anonymous.
    std::optional<credentials> login;
    verify_by verify = verify_by::automatic;
    /// The caller keeps a partial file. Not possible if the output is a pipe.
    bool can_resume = true;
};

/// Why a call failed, at which step, and what the user can do.
struct failure {
    step at = step::request;
    error cause;
    /// Code of the reply with which the server refused; 0 if it did not.
    int reply_code = 0;
    /// "getting x from ftp.example.org:21"; empty if the text of `cause` says it.
    std::string action;
    /// Possible causes, the most likely one first.
    std::vector<advice> causes;
    /// The reason for a refusal, as far as the text of the reply shows it.
    refusal reason = refusal::other;
    /// A partial file was stored, and a call with `resume` would complete it.
    bool can_resume = false;

    /// One line for the user, escaped: the action and the error.
    [[nodiscard]] std::string text() const;

    /// `action`: as above.
    [[nodiscard]] static failure of_local_file(error why, std::string action) {
        return {step::local_file, std::move(why), 0, std::move(action), {}};
    }
};

template <class T>
using outcome = std::expected<T, failure>;

/// What an upload does with a file that exists.
enum class upload_mode : std::uint8_t {
    replace,
    /// Continues it if its last bytes and its time show that it is the beginning of the local file, otherwise replaces it.
    resume,
    /// Adds the local file at its end (APPE).
    append,
    /// Leaves it alone: the server chooses another name (STOU).
    unique
};

/// What an upload reads.
struct upload_source {
    /// An open file or pipe.
    int file = -1;
    /// At the end of the data of a pipe: why they are not complete, so that the upload must fail too.
    std::function<result<void>()> check_end{};
};

struct transfer_report {
    /// Transferred by this call.
    std::uint64_t bytes = 0;
    std::uint64_t resumed_from = 0;
    /// Size of the complete file as the server reported it.
    std::optional<std::uint64_t> size;
    /// The data connection was encrypted.
    bool tls = false;
    bool tls_resumed = false;
    std::vector<attempt> attempts;
    std::string final_reply;
    std::vector<std::string> warnings;
    /// After upload_mode::unique, the name that the server chose; empty if it did not report it.
    std::string stored_as;
    /// How the file was compared with the server's: "size", a hash such as "SHA-256", or "none".
    std::string verified = "none";
    /// After an upload, the server had no such file: it moves or hides uploads at once.
    bool moved_away = false;
};

/// The commands by which a directory is listed.
enum class list_form : std::uint8_t {
    /// MLSD, or LIST if the server does not have it.
    best,
    /// LIST, whose lines show the type of an entry itself with most servers, where MLSD shows what a link leads to.
    lines
};

struct listing_report {
    std::vector<proto::entry> entries;
    /// Entries that were skipped because their names are unsafe (CL-04).
    std::size_t skipped_names = 0;
    /// Lines in an unknown format; the files they name are missing in `entries`.
    std::size_t unrecognized_lines = 0;
    /// The first of these lines, unchanged.
    std::string first_unrecognized;
    std::vector<attempt> attempts;
    /// Its times are exact to the second and in UTC: those of MLSD.
    bool exact_times = false;
    /// The path is a directory. False: the only entry is the file itself.
    bool is_directory = true;
    /// Its lines are those of `ls -l`, which begin with a letter for the type of the entry.
    bool has_type_letters = false;
};

/// Identifies a version of a server's file: if size or time differ, it is another version.
struct file_version {
    std::uint64_t size = 0;
    /// Seconds since 1970, UTC.
    std::int64_t modified = 0;
    friend bool operator==(const file_version&, const file_version&) = default;
};

/// What a listing says of a file, which saves the requests for its size and time.
struct listed_file {
    std::uint64_t size = 0;
    /// Seconds since 1970, UTC; nothing if the listing has no exact time. LIST has none, MLSD has.
    std::optional<std::int64_t> modified;
};

/// Resume settings of a download. The download continues the local file only if the server's file still has the recorded
/// version and the last stored bytes match the server's; otherwise it starts from the beginning.
struct download_resume {
    bool wanted = false;
    /// Version of the server's file that the local bytes are from.
    std::optional<file_version> recorded;
    /// Called before the first byte of a download from the beginning, with the version that a later resume must find;
    /// nothing if the server does not report size and time.
    std::function<void(const std::optional<file_version>&)> record;
    /// Nothing: the server is asked for size and time.
    std::optional<listed_file> listed;
};

/// A part of a file that one session downloads, while others download the rest.
struct file_part {
    /// The next byte. Changed by the thread of the session.
    std::atomic<std::uint64_t> at = 0;
    /// May be lowered meanwhile, by a thread that has given the rest to another session.
    std::atomic<std::uint64_t> end = 0;
    /// Of the whole file. The part that ends there is read to the end of the data, which shows whether it began at `at`.
    std::uint64_t size = 0;
};

/// A change of one entry of the server.
struct change {
    struct command {
        proto::verb verb;
        std::string argument;
    };
    /// "removing /a".
    std::string action;
    /// The entry, from which the directory of the session follows.
    std::string path;
    /// In order; the first refusal ends them.
    std::vector<command> commands;
};

/// Called during a transfer with the position in the file and, if known, its size.
using progress = std::function<void(std::uint64_t done, std::optional<std::uint64_t> size)>;

class session {
public:
    session(net::loop& l, options o);
    ~session();
    session(session&&) noexcept;
    session& operator=(session&&) noexcept;

    /// Connects to the addresses of the host in turn, starts TLS as the URL requires and logs in. If the URL requires TLS,
    /// no user name or password is sent without it (TLS-03).
    net::task<outcome<void>> open(url location);

    /// Downloads into an open local file. Success means a 226, a byte count that matches the server's size, and a clean TLS
    /// shutdown.
    net::task<outcome<transfer_report>> get(std::string path, int local_file, download_resume resume, progress on_progress);
    /// Downloads a part of a file to its place in an open local file, from `part.at` to `part.end`; on_progress has
    /// `part.at`. A part of which something was received can be continued by another call, of any session.
    net::task<outcome<void>> get_part(std::string path, int local_file, file_part& part, progress on_progress);
    /// Compares a file that consists of such parts with the server's, as options::verify demands. Returns
    /// transfer_report::verified.
    net::task<outcome<std::string>> verify(std::string path, int file, std::uint64_t size);
    /// Uploads an open local file. With upload_mode::unique, `path` is a directory. Success is defined as for get().
    net::task<outcome<transfer_report>> put(upload_source from, std::string path, upload_mode mode, progress on_progress);
    /// Lists a directory with CWD and MLSD, or LIST if MLSD is not supported; for a file, returns its own entry. Paths of
    /// later calls are still relative to the start directory. A listing without any known line is a failure. `now` (seconds
    /// since 1970) completes dates without a year.
    net::task<outcome<listing_report>> list(std::string path, std::int64_t now, list_form form = list_form::best);

    /// Sends one command about `path` that needs no data connection. Every final reply is a value.
    net::task<outcome<proto::reply>> request(proto::verb verb, std::string path);
    /// Sets the time of a file together with the next command, without a round trip of its own: only with pipelining, and
    /// after request() has set one by MFMT. False: nothing was sent. REQUIRES: `path` is absolute, or relative like that of
    /// the last call.
    [[nodiscard]] bool set_time_later(const std::string& path, std::int64_t seconds);
    /// Sends the commands of a change; a refusal is a failure. Returns the last reply.
    net::task<outcome<proto::reply>> apply(change what);
    /// Type, size and time of a file or directory, by MLST, or by SIZE, MDTM and CWD.
    net::task<outcome<proto::entry>> stat(std::string path);
    /// Sends one command as it is, in `directory` unless that is empty. Every final reply is a value. REQUIRES: the command
    /// uses no data connection.
    net::task<outcome<proto::reply>> quote(std::string directory, std::string name, std::string argument);
    /// The path from the root of the server, for calls of any session of this login: relative paths begin at the directory
    /// of the login. Unchanged if the server does not report that directory as a path with slashes.
    net::task<outcome<std::string>> absolute(std::string path);

    /// Whether another transfer follows each one, so that its data connection can be negotiated at the same time.
    void set_pipelining(bool wanted) noexcept;

    /// Sends QUIT, waits for the reply for up to options::quit, and closes. Never fails (C3).
    net::task<> quit();
    /// Ends the call that is running and every later one with errc::cancelled; a transfer ends by ABOR. May be called while
    /// another call runs.
    net::task<> cancel();
    /// Ends the call that is running with errc::cancelled. After a transfer, which ends by ABOR, the session stays usable.
    net::task<> interrupt();
    /// The session accepts another call.
    [[nodiscard]] bool is_usable() const;

    /// What the call that is running waits for.
    [[nodiscard]] std::optional<activity> current() const;
    /// The data methods that the last call tried.
    [[nodiscard]] const std::vector<attempt>& attempts() const;

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace sallyport::client
