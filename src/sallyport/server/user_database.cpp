#include <sallyport/server/user_database.hpp>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sallyport/base/escape.hpp>
#include <sallyport/server/secret.hpp>

namespace sallyport::server {
namespace {

// "SALY", so that another program's database is not taken for one of these.
constexpr std::int64_t application = 0x53414c59;
constexpr std::int64_t newest_schema = 1;
// For a reader, locks are an exception: a login waits no longer than this.
constexpr auto reader_wait = std::chrono::seconds(1);
// For other commands that make changes.
constexpr auto writer_wait = std::chrono::seconds(10);

constexpr auto schema =
    "CREATE TABLE account(name TEXT PRIMARY KEY, password TEXT NOT NULL, cost TEXT NOT NULL, settings TEXT NOT NULL) "
    "STRICT, WITHOUT ROWID;"
    "CREATE INDEX account_cost ON account(cost);"
    "PRAGMA application_id = 1396788313;"
    "PRAGMA user_version = 1;";
static_assert(application == 1396788313 && newest_schema == 1);

// Jumps from one cost to the next in the index, so its duration depends on their number and not on that of the accounts.
constexpr std::string_view hash_of_each_cost =
    "WITH RECURSIVE known(cost) AS (SELECT min(cost) FROM account UNION ALL "
    "SELECT (SELECT min(cost) FROM account WHERE cost > known.cost) FROM known WHERE known.cost IS NOT NULL) "
    "SELECT (SELECT password FROM account WHERE account.cost = known.cost LIMIT 1) FROM known WHERE cost IS NOT NULL";

stored_user user_of(sqlite_row row) { return {row.text(0), row.text(1), row.text(2)}; }

/// `os`: the errno of SQLite's last system call, or 0.
error refuse(const std::string& file, int code, std::string_view text, int os) {
    const auto say = [&file](errc kind, std::string_view what) { return error{kind, 0, fmt::format("{}: {}", file, what)}; };
    switch (code) {
        case SQLITE_BUSY:
        case SQLITE_LOCKED: return say(errc::busy, "locked by another program; end it, or wait until it has finished");
        case SQLITE_FULL: return say(errc::no_space, "the disk is full, so nothing was changed; free some space");
        case SQLITE_NOTADB: return say(errc::usage, "is no database of accounts; name one of 'sallyport user add'");
        case SQLITE_CORRUPT: return say(errc::io, "the database is damaged; restore it from a backup");
        case SQLITE_NOMEM: return say(errc::exhausted, "not enough memory to read the database");
        case SQLITE_READONLY:
            return say(errc::permission, fmt::format("user ID {} may not change it; use its owner", ::geteuid()));
        case SQLITE_PERM:
        case SQLITE_CANTOPEN: break;
        default: return say(errc::io, fmt::format("the database cannot be used: {}", escape(text, 200)));
    }
    if (::access(file.c_str(), F_OK) != 0 && errno == ENOENT)
        return say(errc::not_found, "there is no such database; make one with 'sallyport user add'");
    if (::access(file.c_str(), R_OK) != 0 || os == EACCES)
        return say(errc::permission, fmt::format("user ID {} may not read it; change its owner", ::geteuid()));
    return say(errc::io, "the database cannot be opened");
}

std::string directory_of(const std::string& file) {
    auto directory = std::filesystem::path(file).parent_path();
    return directory.empty() ? "." : directory.string();
}

/// Owner and mode of the file that is replaced. A new one gets the owner of its directory, which is the server's user if it
/// is a directory of its own.
result<void> set_owner(int made, const std::string& file) {
    struct stat facts{};
    const bool exists = ::stat(file.c_str(), &facts) == 0;
    if (!exists && ::stat(directory_of(file).c_str(), &facts) != 0) return fail_os(errno, file);
    if (::geteuid() == 0 && ::fchown(made, facts.st_uid, facts.st_gid) != 0) return fail_os(errno, file);
    if (::fchmod(made, exists ? facts.st_mode & 0777U : 0640U) != 0) return fail_os(errno, file);
    return {};
}

/// One command at a time makes changes. The lock is on the directory, since the file is replaced.
result<unique_fd> lock_directory(const std::string& file) {
    unique_fd directory(::open(directory_of(file).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory) return fail_os(errno, file);
    const auto until = std::chrono::steady_clock::now() + writer_wait;
    while (::flock(directory.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) return fail_os(errno, file);
        if (std::chrono::steady_clock::now() > until)
            return fail(errc::busy, file + ": another command changes it; end it, or wait until it has finished");
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return directory;
}

}  // namespace

user_database::user_database(std::string file) : file_(std::move(file)) {}

user_database::user_database(user_database&& other) noexcept
    : file_(std::move(other.file_)),
      copy_(std::exchange(other.copy_, {})),
      lock_(std::move(other.lock_)),
      connection_(std::move(other.connection_)) {}

user_database::~user_database() {
    connection_ = {};
    if (!copy_.empty()) ::unlink(copy_.c_str());
}

result<user_database> user_database::open(const std::string& file, database_access how) {
    user_database out(file);
    auto done = how == database_access::read ? out.open_to_read() : out.open_to_change(how);
    if (!done) return std::unexpected(std::move(done.error()));
    return out;
}

result<void> user_database::connect(const std::string& file, sqlite_connection::access how) {
    auto opened = sqlite_connection::open(file, how, reader_wait, [of = file_](int code, std::string_view text, int os) {
        return refuse(of, code, text, os);
    });
    if (!opened) return std::unexpected(std::move(opened.error()));
    connection_ = std::move(*opened);
    return {};
}

result<void> user_database::open_to_read() {
    auto opened = connect(file_, sqlite_connection::access::read);
    return opened ? connection_.check_schema(file_, application, newest_schema) : opened;
}

result<void> user_database::open_to_change(database_access how) {
    auto locked = lock_directory(file_);
    if (!locked) return std::unexpected(std::move(locked.error()));
    lock_ = std::move(*locked);
    const bool exists = ::access(file_.c_str(), F_OK) == 0;
    if (!exists && how == database_access::change) return std::unexpected(refuse(file_, SQLITE_CANTOPEN, {}, 0));
    user_database old(file_);
    if (exists)
        if (auto opened = old.open_to_read(); !opened) return opened;
    copy_ = file_ + ".new";
    // What a killed command has left.
    ::unlink(copy_.c_str());
    const unique_fd made(::open(copy_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!made) return fail_os(errno, copy_);
    if (auto owned = set_owner(made.get(), file_); !owned) return owned;
    if (auto opened = connect(copy_, sqlite_connection::access::change); !opened) return opened;
    // It is a file of this command alone, until commit() syncs it.
    if (auto done = connection_.run("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF"); !done) return done;
    if (auto filled = exists ? connection_.copy_from(old.connection_) : connection_.run(schema); !filled) return filled;
    return connection_.run("BEGIN");
}

result<std::optional<stored_user>> user_database::find(std::string_view name) {
    return connection_.first("SELECT name, password, settings FROM account WHERE name = ?", {name}, user_of);
}

result<std::vector<std::string>> user_database::one_hash_of_each_cost() {
    return connection_.all(hash_of_each_cost, {}, [](sqlite_row row) { return row.text(0); });
}

result<std::vector<stored_user>> user_database::all() {
    return connection_.all("SELECT name, password, settings FROM account ORDER BY name", {}, user_of);
}

result<void> user_database::put(const stored_user& user) {
    return connection_.change("INSERT OR REPLACE INTO account(name, password, settings, cost) VALUES(?, ?, ?, ?)",
                              {user.name, user.password, user.settings, cost_of_hash(user.password)});
}

result<bool> user_database::remove(std::string_view name) {
    if (auto done = connection_.change("DELETE FROM account WHERE name = ?", {name}); !done)
        return std::unexpected(std::move(done.error()));
    return connection_.changed_rows() > 0;
}

result<void> user_database::commit() {
    if (auto done = connection_.run("COMMIT"); !done) return done;
    connection_ = {};
    const unique_fd made(::open(copy_.c_str(), O_RDONLY | O_CLOEXEC));
    if (!made || ::fsync(made.get()) != 0 || std::rename(copy_.c_str(), file_.c_str()) != 0) return fail_os(errno, file_);
    copy_.clear();
    if (::fsync(lock_.get()) != 0) return fail_os(errno, file_);
    lock_.reset();
    return {};
}

}  // namespace sallyport::server
