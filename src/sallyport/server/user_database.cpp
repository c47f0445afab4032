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
// In milliseconds. For a reader, locks are an exception: a login waits no longer than this.
constexpr int reader_wait = 1000;
// For other commands that make changes.
constexpr int writer_wait = 10'000;

constexpr std::string_view schema =
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

std::string text_of(sqlite3_stmt* row, int column) {
    const auto* const text = reinterpret_cast<const char*>(sqlite3_column_text(row, column));
    return text == nullptr ? std::string() : std::string(text, static_cast<std::size_t>(sqlite3_column_bytes(row, column)));
}

stored_user user_of(sqlite3_stmt* row) { return {text_of(row, 0), text_of(row, 1), text_of(row, 2)}; }

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
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(writer_wait);
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
    connection_.reset();
    if (!copy_.empty()) ::unlink(copy_.c_str());
}

void user_database::close_connection::operator()(sqlite3* connection) const noexcept { sqlite3_close_v2(connection); }
void user_database::end_statement::operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }

std::unexpected<error> user_database::refuse(int code) const {
    const auto say = [this](errc kind, std::string_view what) { return fail(kind, fmt::format("{}: {}", file_, what)); };
    switch (code & 0xff) {
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
        default: {
            const char* const text = connection_ ? sqlite3_errmsg(connection_.get()) : sqlite3_errstr(code);
            return say(errc::io, fmt::format("the database cannot be used: {}", escape(text, 200)));
        }
    }
    const int cause = connection_ ? sqlite3_system_errno(connection_.get()) : 0;
    if (::access(file_.c_str(), F_OK) != 0 && errno == ENOENT)
        return say(errc::not_found, "there is no such database; make one with 'sallyport user add'");
    if (::access(file_.c_str(), R_OK) != 0 || cause == EACCES)
        return say(errc::permission, fmt::format("user ID {} may not read it; change its owner", ::geteuid()));
    return say(errc::io, "the database cannot be opened");
}

result<user_database> user_database::open(const std::string& file, database_access how) {
    user_database out(file);
    auto done = how == database_access::read ? out.open_to_read() : out.open_to_change(how);
    if (!done) return std::unexpected(std::move(done.error()));
    return out;
}

result<void> user_database::connect(const std::string& file, int access) {
    sqlite3* made = nullptr;
    // Some relative names mean something else to SQLite.
    const auto path = std::filesystem::absolute(file);
    // Its own thread, no shared cache.
    const int code = sqlite3_open_v2(path.c_str(), &made, access | SQLITE_OPEN_NOMUTEX, nullptr);
    connection_.reset(made);
    if (code != SQLITE_OK) return refuse(code);
    sqlite3_extended_result_codes(made, 1);
    sqlite3_busy_timeout(made, reader_wait);
    // Settings in the file cannot make the library do more than read tables.
    sqlite3_db_config(made, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    sqlite3_db_config(made, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    return {};
}

result<void> user_database::open_to_read() {
    auto opened = connect(file_, SQLITE_OPEN_READONLY);
    return opened ? check_schema() : opened;
}

result<void> user_database::open_to_change(database_access how) {
    auto locked = lock_directory(file_);
    if (!locked) return std::unexpected(std::move(locked.error()));
    lock_ = std::move(*locked);
    const bool exists = ::access(file_.c_str(), F_OK) == 0;
    if (!exists && how == database_access::change) return refuse(SQLITE_CANTOPEN);
    user_database old(file_);
    if (exists)
        if (auto opened = old.open_to_read(); !opened) return opened;
    copy_ = file_ + ".new";
    // What a killed command has left.
    ::unlink(copy_.c_str());
    const unique_fd made(::open(copy_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!made) return fail_os(errno, copy_);
    if (auto owned = set_owner(made.get(), file_); !owned) return owned;
    if (auto opened = connect(copy_, SQLITE_OPEN_READWRITE); !opened) return opened;
    // It is a file of this command alone, until commit() syncs it.
    if (auto done = run("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF"); !done) return done;
    if (auto filled = exists ? copy_from(old) : run(schema); !filled) return filled;
    return run("BEGIN");
}

result<void> user_database::copy_from(const user_database& other) {
    auto* const copy = sqlite3_backup_init(connection_.get(), "main", other.connection_.get(), "main");
    if (copy == nullptr) return refuse(sqlite3_errcode(connection_.get()));
    const int stepped = sqlite3_backup_step(copy, -1);
    sqlite3_backup_finish(copy);
    return stepped == SQLITE_DONE ? result<void>() : refuse(stepped);
}

result<void> user_database::check_schema() {
    const auto kind = number("PRAGMA application_id");
    if (!kind) return std::unexpected(kind.error());
    if (*kind != application) return refuse(SQLITE_NOTADB);
    const auto version = number("PRAGMA user_version");
    if (!version) return std::unexpected(version.error());
    if (*version > newest_schema)
        return fail(
            errc::unsupported,
            fmt::format("{}: has schema {}, which this version does not know; use a newer version", file_, *version));
    return {};
}

result<void> user_database::run(std::string_view sql) {
    const int code = sqlite3_exec(connection_.get(), std::string(sql).c_str(), nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) return refuse(code);
    return {};
}

result<user_database::statement> user_database::prepare(std::string_view sql,
                                                        std::initializer_list<std::string_view> values) {
    sqlite3_stmt* made = nullptr;
    const int code = sqlite3_prepare_v2(connection_.get(), sql.data(), static_cast<int>(sql.size()), &made, nullptr);
    statement out(made);
    if (code != SQLITE_OK) return refuse(code);
    int position = 0;
    for (const auto value : values) {
        const int bound = sqlite3_bind_text64(made, ++position, value.data(), value.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
        if (bound != SQLITE_OK) return refuse(bound);
    }
    return out;
}

result<bool> user_database::step(sqlite3_stmt* prepared) {
    const int code = sqlite3_step(prepared);
    if (code == SQLITE_ROW) return true;
    if (code != SQLITE_DONE) return refuse(code);
    return false;
}

result<std::int64_t> user_database::number(std::string_view sql) {
    auto rows = prepare(sql, {});
    if (!rows) return std::unexpected(rows.error());
    const auto found = step(rows->get());
    if (!found) return std::unexpected(found.error());
    return *found ? sqlite3_column_int64(rows->get(), 0) : 0;
}

result<std::optional<stored_user>> user_database::find(std::string_view name) {
    auto rows = prepare("SELECT name, password, settings FROM account WHERE name = ?", {name});
    if (!rows) return std::unexpected(rows.error());
    const auto found = step(rows->get());
    if (!found) return std::unexpected(found.error());
    if (!*found) return std::nullopt;
    return user_of(rows->get());
}

result<std::vector<std::string>> user_database::one_hash_of_each_cost() {
    auto rows = prepare(hash_of_each_cost, {});
    if (!rows) return std::unexpected(rows.error());
    std::vector<std::string> out;
    for (;;) {
        const auto found = step(rows->get());
        if (!found) return std::unexpected(found.error());
        if (!*found) return out;
        out.push_back(text_of(rows->get(), 0));
    }
}

result<std::vector<stored_user>> user_database::all() {
    auto rows = prepare("SELECT name, password, settings FROM account ORDER BY name", {});
    if (!rows) return std::unexpected(rows.error());
    std::vector<stored_user> out;
    for (;;) {
        const auto found = step(rows->get());
        if (!found) return std::unexpected(found.error());
        if (!*found) return out;
        out.push_back(user_of(rows->get()));
    }
}

result<void> user_database::put(const stored_user& user) {
    auto change = prepare("INSERT OR REPLACE INTO account(name, password, settings, cost) VALUES(?, ?, ?, ?)",
                          {user.name, user.password, user.settings, cost_of_hash(user.password)});
    if (!change) return std::unexpected(change.error());
    const auto done = step(change->get());
    if (!done) return std::unexpected(done.error());
    return {};
}

result<bool> user_database::remove(std::string_view name) {
    auto change = prepare("DELETE FROM account WHERE name = ?", {name});
    if (!change) return std::unexpected(change.error());
    const auto done = step(change->get());
    if (!done) return std::unexpected(done.error());
    return sqlite3_changes(connection_.get()) > 0;
}

result<void> user_database::commit() {
    if (auto done = run("COMMIT"); !done) return done;
    connection_.reset();
    const unique_fd made(::open(copy_.c_str(), O_RDONLY | O_CLOEXEC));
    if (!made || ::fsync(made.get()) != 0 || std::rename(copy_.c_str(), file_.c_str()) != 0) return fail_os(errno, file_);
    copy_.clear();
    if (::fsync(lock_.get()) != 0) return fail_os(errno, file_);
    lock_.reset();
    return {};
}

}  // namespace sallyport::server
